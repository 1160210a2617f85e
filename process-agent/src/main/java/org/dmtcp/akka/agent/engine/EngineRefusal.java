package org.dmtcp.akka.agent.engine;

/** Something that a checkpoint could not capture, found before anything is stopped. */
public record EngineRefusal(int realPid, EngineFailure failure) {}
