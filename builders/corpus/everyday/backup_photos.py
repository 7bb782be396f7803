#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# copies new pictures from the camera card and zips the folder
import os
import shutil
import subprocess
import sys
import time

SRC = os.path.expanduser("~/card/DCIM")
DST = os.path.expanduser("~/Pictures/incoming")


def main():
    if not os.path.isdir(SRC):
        print("card not mounted")
        sys.exit(1)
    os.makedirs(DST, exist_ok=True)
    for folder, _, files in os.walk(SRC):
        for name in files:
            if not name.lower().endswith((".jpg", ".raw", ".mp4")):
                continue
            src = os.path.join(folder, name)
            dst = os.path.join(DST, name)
            if os.path.exists(dst):
                print("skip", name)
                continue
            print("copy", src)
            shutil.copy2(src, dst)
    stamp = time.strftime("%Y%m%d-%H%M")
    shutil.make_archive(DST + "-" + stamp, "zip", DST)
    subprocess.call(["sync"])
    print("done, you can remove the card")


if __name__ == "__main__":
    main()
