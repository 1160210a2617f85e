# program: SQLite: two processes and a database in WAL mode
# run: python3 sqlite.py
# needs: python3
# writes: yes
import multiprocessing
import os
import sqlite3
import sys
import time


def connect():
    database = sqlite3.connect("data.db", timeout=60, isolation_level=None)
    database.execute("pragma journal_mode = wal")
    return database


def move(number):
    database = connect()
    while True:
        database.execute("begin immediate")
        database.execute("update accounts set money = money - 1 where id = ?", (number,))
        database.execute("update accounts set money = money + 1 where id = ?", (1 - number,))
        database.execute("insert into moves values (?)", (number,))
        database.execute("commit")
        time.sleep(0.005)


def main():
    database = connect()
    database.execute("create table accounts (id integer primary key, money int)")
    database.execute("create table moves (who int)")
    database.execute("insert into accounts values (0, 1000), (1, 1000)")
    movers = [multiprocessing.Process(target=move, args=(i,), daemon=True) for i in (0, 1)]
    for mover in movers:
        mover.start()
    n = 0
    while not os.path.exists("finish"):
        time.sleep(0.02)
        rows = dict(database.execute(
            "select 0, money from accounts where id = 0 union all "
            "select 1, sum(money) from accounts union all "
            "select 2, sum(who * 2 - 1) from moves").fetchall())
        if rows[1] != 2000 or rows[0] != 1000 + (rows[2] or 0):
            print("bad: sums", rows, flush=True)
            os._exit(1)
        if not all(mover.is_alive() for mover in movers):
            print("bad: a process has ended", flush=True)
            os._exit(1)
        n += 1
        print("tick", n, flush=True)
    if database.execute("pragma integrity_check").fetchall() != [("ok",)]:
        print("bad: integrity", flush=True)
        os._exit(1)
    for mover in movers:
        mover.kill()
    print("ok", flush=True)
    os._exit(3)


main()
