package org.dmtcp.akka.agent.node;

import org.dmtcp.akka.agent.engine.HostProcess;
import org.dmtcp.akka.protocol.AgentId;
import org.dmtcp.akka.protocol.ProcessInfo;
import org.dmtcp.akka.protocol.WorkerState;

/**
 * A process of the computation on this host.
 *
 * @param uniquePid constant over generations and restarts
 * @param virtualPid pid as the program sees it
 * @param virtualParent 0 when the parent is no member
 * @param program base name of the executable
 * @param root was launched or restarted by a command: the engine starts looking from here
 */
public record Member(
    HostProcess process,
    String uniquePid,
    int virtualPid,
    int virtualParent,
    String program,
    boolean root,
    MemberOptions options) {

  /** By hand: what the compiler leaves to invokedynamic is not in the archive of classes. */
  @Override
  public int hashCode() {
    return process.hashCode();
  }

  Member withCheckpointDir(String directory) {
    return new Member(process, uniquePid, virtualPid, virtualParent, program, root,
        new MemberOptions(directory, options.codec(), options.openFiles(), options.allowOverwrite(),
            options.signal(), options.uniqueNames(), options.keep()));
  }

  ProcessInfo info(String node, WorkerState state) {
    return new ProcessInfo(new AgentId(node, process.realPid(), process.startTicks()),
        uniquePid, virtualPid, virtualParent, program, state);
  }
}
