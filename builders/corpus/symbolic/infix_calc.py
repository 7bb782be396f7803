# SPDX-License-Identifier: Apache-2.0
# Taschenrechner: infix -> RPN (shunting yard) -> Ergebnis
# nur ganze Zahlen, + - * / % ^ und Klammern

PREC = {'+': 1, '-': 1, '*': 2, '/': 2, '%': 2, '^': 3}

def tokenize(text):
  toks = []
  num = ''
  for ch in text:
    if ch.isdigit():
      num += ch
      continue
    if num:
      toks.append(num)
      num = ''
    if ch in '+-*/%^()':
      toks.append(ch)
    elif ch != ' ':
      raise ValueError('unbekanntes Zeichen: ' + ch)
  if num: toks.append(num)
  return toks

def to_rpn(toks):
  out, ops = [], []
  for t in toks:
    if t.isdigit():
      out.append(t)
    elif t == '(':
      ops.append(t)
    elif t == ')':
      while ops and ops[-1] != '(':
        out.append(ops.pop())
      if not ops:
        raise ValueError('Klammer zu ohne Klammer auf')
      ops.pop()
    else:
      # ^ ist rechtsassoziativ
      while ops and ops[-1] != '(' and (PREC[ops[-1]] > PREC[t] or (PREC[ops[-1]] == PREC[t] and t != '^')):
        out.append(ops.pop())
      ops.append(t)
  while ops:
    o = ops.pop()
    if o == '(':
      raise ValueError('Klammer nicht geschlossen')
    out.append(o)
  return out

def rechne(rpn):
  st = []
  for t in rpn:
    if t.isdigit():
      st.append(int(t))
      continue
    b = st.pop(); a = st.pop()
    if t == '+': st.append(a + b)
    elif t == '-': st.append(a - b)
    elif t == '*': st.append(a * b)
    elif t == '/': st.append(a // b)   # Ganzzahldivision!
    elif t == '%': st.append(a % b)
    elif t == '^': st.append(a ** b)
  return st[0]

while True:
  zeile = input('> ')
  if zeile in ('', 'quit', 'ende'):
    break
  try:
    r = to_rpn(tokenize(zeile))
    print('RPN:', ' '.join(r))
    print('  = ', rechne(r))
  except (ValueError, IndexError, ZeroDivisionError) as e:
    print('Fehler:', e)
