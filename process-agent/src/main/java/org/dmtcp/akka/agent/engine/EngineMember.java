package org.dmtcp.akka.agent.engine;

/**
 * A process of the computation as the engine found it.
 *
 * @param process the kernel's view
 * @param virtualPid pid as the program sees it
 * @param virtualParent its parent's, 0 when the parent is no member
 * @param program base name of the executable
 * @param threads 0 for a zombie
 * @param zombie ended, but not yet waited for by its parent
 * @param seccomp runs under a system call filter
 */
public record EngineMember(
    HostProcess process,
    int virtualPid,
    int virtualParent,
    String program,
    int threads,
    boolean zombie,
    boolean seccomp) {}
