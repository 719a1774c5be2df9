import java.lang.reflect.Constructor;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.locks.ReentrantLock;

/**
 * Has a call hold the lock of Beam's state backend while its operator is closed. Prints "true" or
 * "false" for whether the operator may free the backend, and then what a later call is told.
 *
 * <p>The word: "ends" for a call that ends, "stays" for one that does not, "interrupted" for one that
 * ends after Flink has interrupted the task.
 */
class StateLock {
  private static final String OPERATOR =
      "org.apache.beam.runners.flink.translation.wrappers.streaming.ExecutableStageDoFnOperator";
  private static final long NEVER_REACHED_MS = 60_000;
  private static final long SOON_MS = 50;

  public static void main(String[] words) throws Exception {
    Class<?> type = Class.forName(OPERATOR + "$StateBackendLock");
    Constructor<?> constructor = type.getDeclaredConstructor();
    constructor.setAccessible(true);
    Method refuse = type.getDeclaredMethod("refuse", long.class);
    refuse.setAccessible(true);
    ReentrantLock lock = (ReentrantLock) constructor.newInstance();
    CountDownLatch underWay = new CountDownLatch(1);
    CountDownLatch over = new CountDownLatch(1);
    Thread call = new Thread(() -> hold(lock, underWay, over));
    call.setDaemon(true);
    call.start();
    underWay.await();

    CompletableFuture<String> closed = new CompletableFuture<>();
    boolean stays = words[0].equals("stays");
    Thread task = new Thread(() -> close(refuse, lock, stays ? SOON_MS : NEVER_REACHED_MS, closed));
    task.start();
    if (!stays) {
      while (!lock.hasQueuedThread(task)) {
        Thread.onSpinWait();
      }
      if (words[0].equals("interrupted")) {
        task.interrupt();
      }
      over.countDown();
    }
    System.out.println(closed.get());
    over.countDown();
    try {
      lock.lock();
      System.out.println("not refused");
    } catch (IllegalStateException refused) {
      System.out.println(refused.getMessage());
    }
  }

  private static void hold(ReentrantLock lock, CountDownLatch underWay, CountDownLatch over) {
    lock.lock();
    try {
      underWay.countDown();
      over.await();
    } catch (InterruptedException e) {
      throw new AssertionError(e);
    } finally {
      lock.unlock();
    }
  }

  private static void close(
      Method refuse, ReentrantLock lock, long limitMs, CompletableFuture<String> closed) {
    try {
      Object ended = refuse.invoke(lock, limitMs);
      boolean interrupted = Thread.currentThread().isInterrupted();
      closed.complete(ended + (interrupted ? ", still interrupted" : ""));
    } catch (IllegalAccessException | InvocationTargetException e) {
      closed.completeExceptionally(e);
    }
  }
}
