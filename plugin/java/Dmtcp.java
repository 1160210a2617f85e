import com.sun.jna.NativeLibrary;
import com.sun.jna.ptr.IntByReference;

/**
 * dmtcp.h for Java, by JNA; without checkpoint control everything says so, and does nothing. Its
 * {@code main} is an example: {@code dmtcp_launch java -cp jna.jar Dmtcp.java}.
 */
public final class Dmtcp {
  public static final int AFTER_CHECKPOINT = 1;
  public static final int AFTER_RESTART = 2;
  public static final int NOT_PRESENT = 3;

  private static final NativeLibrary PROCESS = NativeLibrary.getProcess();

  private Dmtcp() {}

  private static int call(String name, int absent, Object... arguments) {
    try {
      return PROCESS.getFunction(name).invokeInt(arguments);
    } catch (UnsatisfiedLinkError e) {
      return absent;
    }
  }

  public static boolean isEnabled() {
    return call("dmtcp_is_enabled", 0) == 1;
  }

  /** {@link #AFTER_CHECKPOINT}, {@link #AFTER_RESTART}, {@link #NOT_PRESENT}; 0: it failed. */
  public static int checkpoint() {
    return call("dmtcp_checkpoint", NOT_PRESENT);
  }

  public static int disableCheckpoints() {
    return call("dmtcp_disable_ckpt", NOT_PRESENT);
  }

  public static int enableCheckpoints() {
    return call("dmtcp_enable_ckpt", NOT_PRESENT);
  }

  /** How often this process was restarted. */
  public static int restarts() {
    IntByReference checkpoints = new IntByReference();
    IntByReference restarts = new IntByReference();
    call("dmtcp_get_local_status", NOT_PRESENT, checkpoints, restarts);
    return restarts.getValue();
  }

  public static void main(String[] arguments) {
    switch (checkpoint()) {
      case AFTER_CHECKPOINT -> System.out.println("after the checkpoint");
      case AFTER_RESTART -> System.out.println("after the restart");
      case NOT_PRESENT -> System.out.println("not under checkpoint control");
      default -> System.out.println("no checkpoint");
    }
    System.out.println(restarts() + " restart(s)");
    System.out.flush();
  }
}
