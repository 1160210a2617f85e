package org.dmtcp.akka.agent.engine;

/** What the engine says by itself. */
public sealed interface EngineEvent {
  /** A watched process has ended. */
  record Exited(HostProcess process) implements EngineEvent {}

  /** The engine was started, perhaps again after its end: it watches nothing, holds no round. */
  record Started() implements EngineEvent {}
}
