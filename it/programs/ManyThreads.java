import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CyclicBarrier;

/** Forty threads that wait for each other in every round, with garbage to collect meanwhile. */
class ManyThreads {
  private static final int THREADS = 40;
  private static final long[] sums = new long[THREADS];
  private static volatile int round;
  private static int rounds;

  public static void main(String[] arguments) throws Exception {
    rounds = Integer.parseInt(arguments[0]);
    CyclicBarrier barrier = new CyclicBarrier(THREADS, ManyThreads::print);
    List<Thread> threads = new ArrayList<>();
    for (int i = 0; i < THREADS; i++) {
      int number = i;
      Thread thread = new Thread(() -> work(number, barrier));
      threads.add(thread);
      thread.start();
    }
    for (Thread thread : threads) {
      thread.join();
    }
  }

  private static void work(int number, CyclicBarrier barrier) {
    try {
      while (round < rounds) {
        List<String> garbage = new ArrayList<>();
        for (int i = 0; i < 500; i++) {
          garbage.add("string " + number + " " + i + " " + round);
        }
        sums[number] = sums[number] * 31 + garbage.hashCode();
        barrier.await();
      }
    } catch (Exception e) {
      throw new IllegalStateException(e);
    }
  }

  private static void print() {
    long all = 0;
    for (long sum : sums) {
      all = all * 17 + sum;
    }
    System.out.println(round + " " + all);
    System.out.flush();
    round++;
    try {
      Thread.sleep(20);
    } catch (InterruptedException e) {
      throw new IllegalStateException(e);
    }
  }
}
