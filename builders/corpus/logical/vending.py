# SPDX-License-Identifier: Apache-2.0
# Vending machine as a state machine.  Coins in cents.
# Etats: IDLE -> CREDIT -> (vente) -> IDLE

PRICES = {'A': 120, 'B': 150, 'C': 95}


class VendingMachine:
    COINS = [200, 100, 50, 20, 10, 5]

    def __init__(self, stock):
        self.state = 'IDLE'
        self.credit = 0
        self.stock = dict(stock)
        self.log = []

    # pièce insérée
    def coin(self, c):
        if c not in self.COINS:
            self.log.append('reject %d' % c)
            return
        self.credit += c
        self.state = 'CREDIT'

    # bouton choisi
    def press(self, key):
        if self.state == 'IDLE':
            self.log.append('no money')
        elif key not in PRICES:
            self.log.append('no such slot')
        elif self.stock.get(key, 0) == 0:
            self.log.append('sold out ' + key)
        elif self.credit < PRICES[key]:
            self.log.append('missing %d' % (PRICES[key] - self.credit))
        else:
            self.credit -= PRICES[key]
            self.stock[key] -= 1
            self.log.append('vend ' + key)
            self.give_back()

    def cancel(self):
        self.log.append('cancel')
        self.give_back()

    # rendre la monnaie
    def give_back(self):
        change = []
        for c in self.COINS:
            while self.credit >= c:
                self.credit -= c
                change.append(c)
        if change:
            self.log.append('change ' + '+'.join(map(str, change)))
        self.state = 'IDLE'


def main():
    m = VendingMachine({'A': 1, 'B': 0, 'C': 3})
    while True:
        cmd = input('[%s %d] coin N / press X / cancel / quit: ' % (m.state, m.credit)).split()
        if not cmd: continue
        if cmd[0] == 'quit':
            break
        elif cmd[0] == 'coin':
            m.coin(int(cmd[1]))
        elif cmd[0] == 'press':
            m.press(cmd[1].upper())
        elif cmd[0] == 'cancel':
            m.cancel()
        print(m.log[-1] if m.log else '')


if __name__ == '__main__':
    main()
