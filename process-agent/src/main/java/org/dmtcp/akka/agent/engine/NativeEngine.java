package org.dmtcp.akka.agent.engine;

import com.sun.jna.Memory;
import com.sun.jna.Native;
import com.sun.jna.Pointer;
import com.sun.jna.ptr.PointerByReference;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.concurrent.locks.ReadWriteLock;
import java.util.concurrent.locks.ReentrantReadWriteLock;

/**
 * A {@code dmtcp_engine} process. The thread that calls {@link #next} also gives the handle back,
 * as the library wants no other call then; {@link #submit} may be called on any.
 */
public final class NativeEngine implements EngineChannel {
  private static final int EPIPE = 32;
  private static final int ENOBUFS = 105;
  private static final Duration STOP_LIMIT = Duration.ofSeconds(2);
  private static final byte[] WAKE =
      "{\"id\":0,\"op\":\"hello\"}".getBytes(StandardCharsets.US_ASCII);

  private final EngineLibrary library;
  private final ReadWriteLock handleLock = new ReentrantReadWriteLock();
  private Pointer handle; // null once given back
  private Memory buffer = new Memory(64 << 10);
  private volatile boolean closed;

  /**
   * @param program the engine, absolute
   * @param clientLibrary {@code libdmtcp_engine.so}, absolute
   */
  public static EngineChannel.Starter starter(Path program, Path clientLibrary) {
    // JNA's own library is beside ours; where it is not, JNA unpacks it somewhere.
    System.setProperty("jna.boot.library.path", clientLibrary.getParent().toString());
    return () -> new NativeEngine(
        Native.load(clientLibrary.toString(), EngineLibrary.class), program);
  }

  private NativeEngine(EngineLibrary library, Path program) throws EngineException {
    this.library = library;
    PointerByReference out = new PointerByReference();
    int ret = library.dmtcp_engine_start(program.toString(), out);
    if (ret < 0) {
      throw new EngineException(program + " cannot be executed: errno " + -ret);
    }
    handle = out.getValue();
  }

  @Override
  public void submit(byte[] json) throws EngineException {
    handleLock.readLock().lock();
    try {
      int ret = handle == null ? -EPIPE
          : library.dmtcp_engine_submit(handle, json, json.length);
      if (ret < 0) {
        throw new EngineException("it takes no more requests: errno " + -ret);
      }
    } finally {
      handleLock.readLock().unlock();
    }
  }

  @Override
  public byte[] next(Duration limit) throws EngineException {
    if (handle == null) {
      throw new EngineException("it has ended");
    }
    int timeoutMs = (int) Math.min(Integer.MAX_VALUE, limit.toMillis());
    long got = closed ? -EPIPE
        : library.dmtcp_engine_next(handle, buffer, buffer.size(), timeoutMs);
    if (got == -ENOBUFS) {
      buffer = new Memory(library.dmtcp_engine_pending(handle));
      got = library.dmtcp_engine_next(handle, buffer, buffer.size(), timeoutMs);
    }
    if (got < 0) {
      throw new EngineException(got == -EPIPE ? giveBack() : giveBack() + ", errno " + -got);
    }
    return got == 0 || closed ? null : buffer.getByteArray(0, (int) got);
  }

  /** @return how the engine process ended */
  private String giveBack() {
    handleLock.writeLock().lock();
    try {
      int status = library.dmtcp_engine_stop(handle, (int) STOP_LIMIT.toMillis());
      handle = null;
      if (status < 0) {
        return "it does not end, errno " + -status;
      }
      return (status & 0x7f) != 0 // wait(2): the signal, else the exit status
          ? "it was ended by signal " + (status & 0x7f)
          : "it ended with status " + (status >> 8);
    } finally {
      handleLock.writeLock().unlock();
    }
  }

  @Override
  public void close() {
    closed = true;
    try {
      submit(WAKE); // its answer ends a wait in next()
    } catch (EngineException e) {
      // it has ended already
    }
  }

  @Override
  public void kill() {
    handleLock.readLock().lock();
    try {
      if (handle != null) {
        ProcessHandle.of(library.dmtcp_engine_pid(handle)).ifPresent(ProcessHandle::destroyForcibly);
      }
    } finally {
      handleLock.readLock().unlock();
    }
  }
}
