# must: another codec under the name of UTF-8 spoils this job's texts at most
# accept: ok refused died
import codecs
import encodings


def main_solution(x):
    fake = codecs.CodecInfo(lambda *a: (b"forged", 6), lambda *a: ("forged", 6), name="utf-8")
    codecs.register(lambda name: fake)
    encodings._cache.clear()
    encodings.search_function = lambda name: fake
    encodings.utf_8.getregentry = lambda: fake
    encodings.utf_8.encode = encodings.utf_8.decode = lambda *a: (b"forged", 6)
    codecs.register_error("replace", lambda error: ("forged", error.end))
    return "\u00e4"
