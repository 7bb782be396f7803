# SPDX-License-Identifier: Apache-2.0
from datetime import date, datetime

# how long until my birthday?
day = int(input("day: "))
month = int(input("month: "))
year = int(input("year: "))

today = date.today()
age = today.year - year
nxt = date(today.year, month, day)      # crashes for 29 Feb, dont care
if nxt < today:
    nxt = date(today.year + 1, month, day)
    age += 1
left = (nxt - today).days
if left == 0:
    print("HAPPY BIRTHDAY!!! you are", age)
else:
    print("you will be", age, "in", left, "days (", left // 7, "weeks and", left % 7, "days )")
print("days lived so far:", (today - date(year, month, day)).days)
