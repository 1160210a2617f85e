package org.dmtcp.akka.agent.engine;

import com.sun.jna.Library;
import com.sun.jna.Memory;
import com.sun.jna.Pointer;
import com.sun.jna.ptr.PointerByReference;

/** {@code dmtcp_engine.h}, function by function. Only {@link NativeEngine} calls it. */
interface EngineLibrary extends Library {
  int dmtcp_engine_start(String path, PointerByReference out);

  int dmtcp_engine_pid(Pointer engine);

  int dmtcp_engine_submit(Pointer engine, byte[] json, long bytes);

  long dmtcp_engine_next(Pointer engine, Memory buffer, long capacity, int timeoutMs);

  long dmtcp_engine_pending(Pointer engine);

  int dmtcp_engine_stop(Pointer engine, int timeoutMs);
}
