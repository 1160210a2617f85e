package org.dmtcp.akka.agent.engine;

/**
 * The thread of a process that runs the hooks of its plugins.
 *
 * @param tid as the process knows it
 * @param area address of its {@code struct plugin_area}
 */
public record EngineHelper(HostProcess process, int tid, long area) {}
