package org.dmtcp.akka.protocol;

/**
 * One process of the computation, as its node reports it.
 *
 * @param uniquePid {@code <host id hex>-<virtual pid>-<time hex>}, never used twice, not empty
 * @param virtualPid what the program sees, constant over restarts, &gt; 0
 * @param virtualParent the parent's virtual pid; 0 when it is not a member
 * @param program base name of the executable
 * @param state what it does now
 */
public record ProcessInfo(
    AgentId id,
    String uniquePid,
    int virtualPid,
    int virtualParent,
    String program,
    WorkerState state) {
  public ProcessInfo {
    Checks.notEmpty(uniquePid, "uniquePid");
    Checks.atLeast(1, virtualPid, "virtualPid");
    Checks.atLeast(0, virtualParent, "virtualParent");
  }

  // By hand: what the compiler leaves to invokedynamic is not in the archive of classes.
  @Override
  public boolean equals(Object other) {
    return other instanceof ProcessInfo p && p.id.equals(id) && p.uniquePid.equals(uniquePid)
        && p.virtualPid == virtualPid && p.virtualParent == virtualParent
        && p.program.equals(program) && p.state == state;
  }

  @Override
  public int hashCode() {
    return uniquePid.hashCode();
  }

  /** The same process doing something else. */
  public ProcessInfo withState(WorkerState newState) {
    return new ProcessInfo(id, uniquePid, virtualPid, virtualParent, program, newState);
  }

}
