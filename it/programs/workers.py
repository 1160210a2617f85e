"""multiprocessing: a pool of processes with pipes, semaphores and shared memory."""
import multiprocessing as mp
import time


def work(x):
    time.sleep(0.004)
    return x * x


if __name__ == "__main__":
    total = mp.Value("q", 0)
    with mp.Pool(3) as pool:
        for i, r in enumerate(pool.imap(work, range(600))):
            with total.get_lock():
                total.value += r
            if i % 20 == 0:
                print(i, total.value, flush=True)
    print("total", total.value)
