package org.dmtcp.akka.coordinator;

import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.Proxy;
import java.util.function.Consumer;

/**
 * SIGINT is the console's {@code q}: everything ends. SIGTERM ends the coordinator alone, and its
 * processes run on, as if it had crashed.
 *
 * <p>{@code sun.misc.Signal} is the JDK's only way to tell signals apart. It is reached by
 * reflection because the compiler warns of it and we compile without warnings.
 */
final class Signals {
  private static final int SIGTERM_STATUS = 143;

  private Signals() {}

  /** @param onInterrupt gets the signal's name */
  static void install(Consumer<String> onInterrupt, RunFiles files) {
    handle("INT", onInterrupt);
    handle("TERM", name -> {
      files.signalled(15);
      Runtime.getRuntime().halt(SIGTERM_STATUS);
    });
  }

  private static void handle(String name, Consumer<String> action) {
    try {
      Class<?> signal = Class.forName("sun.misc.Signal");
      Class<?> handler = Class.forName("sun.misc.SignalHandler");
      Object ours =
          Proxy.newProxyInstance(
              handler.getClassLoader(),
              new Class<?>[] {handler},
              (proxy, method, arguments) -> {
                if (method.getName().equals("handle")) {
                  action.accept(name);
                  return null;
                }
                return method.getName().equals("equals")
                    ? (Object) (proxy == arguments[0])
                    : method.getName().equals("hashCode") ? (Object) name.hashCode() : name;
              });
      Method handle = signal.getMethod("handle", signal, handler);
      handle.invoke(null, signal.getConstructor(String.class).newInstance(name), ours);
    } catch (InvocationTargetException e) {
      if (!(e.getCause() instanceof IllegalArgumentException)) {
        throw new IllegalStateException(e);
      } // else the JVM was told with -Xrs to leave signals alone: so do we
    } catch (ReflectiveOperationException e) {
      throw new IllegalStateException(e); // a JDK without jdk.unsupported
    }
  }
}
