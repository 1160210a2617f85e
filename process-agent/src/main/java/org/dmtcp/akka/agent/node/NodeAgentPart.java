package org.dmtcp.akka.agent.node;

import akka.actor.typed.ActorRef;
import akka.actor.typed.Behavior;
import akka.actor.typed.DispatcherSelector;
import akka.actor.typed.javadsl.ActorContext;
import akka.actor.typed.javadsl.Behaviors;
import akka.actor.typed.javadsl.TimerScheduler;
import java.util.concurrent.Executor;
import org.dmtcp.akka.agent.engine.EngineAnswer;
import org.dmtcp.akka.agent.engine.EngineDriver;
import org.dmtcp.akka.agent.engine.EngineRequest;
import org.dmtcp.akka.agent.local.LocalSocketServer;
import org.dmtcp.akka.agent.node.NodeAgent.Command;
import org.dmtcp.akka.protocol.NodeEnvironment;

/** What every part of a {@link NodeAgent} works with. */
abstract class NodeAgentPart {
  /** The same for all parts of one agent. */
  record Tools(
      ActorContext<Command> context,
      TimerScheduler<Command> timers,
      NodeEnvironment environment,
      NodeSettings settings,
      NodeAgent.Parts parts,
      LocalSocketServer server,
      ActorRef<EngineDriver.Command> engine,
      ActorRef<PluginDesk.Command> plugins,
      ActorRef<EngineAnswer> answers) {}

  final ActorContext<Command> context;
  final TimerScheduler<Command> timers;
  final NodeEnvironment environment;
  final NodeSettings settings;
  final ProcFs proc;
  final UniquePids uniquePids;
  final Executor blocking;
  private final LocalSocketServer server;
  final ActorRef<EngineDriver.Command> engine;
  final ActorRef<PluginDesk.Command> plugins;
  private final ActorRef<EngineAnswer> answers;

  NodeAgentPart(Tools tools) {
    this.context = tools.context();
    this.timers = tools.timers();
    this.environment = tools.environment();
    this.settings = tools.settings();
    this.proc = tools.parts().proc();
    this.uniquePids = tools.parts().uniquePids();
    this.blocking = context.getSystem().dispatchers().lookup(DispatcherSelector.blocking());
    this.server = tools.server();
    this.engine = tools.engine();
    this.plugins = tools.plugins();
    this.answers = tools.answers();
  }

  void submit(EngineRequest request) {
    engine.tell(new EngineDriver.Submit(request, settings.nativeLimit(), answers));
  }

  Behavior<Command> stopped() {
    server.close();
    return Behaviors.stopped();
  }

  Behavior<Command> ignoreStale(String state, Command message) {
    context.getLog().debug("{}: ignored {}", state, message);
    return Behaviors.same();
  }
}
