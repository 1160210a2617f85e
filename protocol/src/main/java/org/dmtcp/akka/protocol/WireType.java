package org.dmtcp.akka.protocol;

import java.time.Duration;
import java.util.List;

/** Kryo ids. Append only: an id that has been released is never changed, reused or removed. */
enum WireType {
  // What messages are made of.
  DURATION(100, Duration.class),
  LIST(101, List.of(1, 2, 3).getClass()),
  SHORT_LIST(102, List.of(1).getClass()),
  AGENT_ID(103, AgentId.class),
  PHASE(104, Phase.class),
  WORKER_STATE(105, WorkerState.class),
  FAILURE(106, Failure.class),
  PROCESS_INFO(107, ProcessInfo.class),
  IMAGE_INFO(108, ImageInfo.class),
  ROUND_PLAN(109, RoundPlan.class),
  RESTART_MEMBER(110, RestartMember.class),
  TCP_ENDPOINT(111, TcpEndpoint.class),
  CONNECTION_END(112, ConnectionEnd.class),
  NAME_VALUE(113, NameValue.class),
  GENERATION_INFO(114, GenerationInfo.class),
  // Coordinator to node.
  WELCOME(120, NodeCommand.Welcome.class),
  BEGIN_ROUND(121, NodeCommand.BeginRound.class),
  ENTER_PHASE(122, NodeCommand.EnterPhase.class),
  STAGE_MANIFEST(123, NodeCommand.StageManifest.class),
  COMMIT_ROUND(124, NodeCommand.CommitRound.class),
  ABORT_ROUND(125, NodeCommand.AbortRound.class),
  KILL_PROCESSES(126, NodeCommand.KillProcesses.class),
  LEAVE(127, NodeCommand.Leave.class),
  REPORT_PROCESSES(128, NodeCommand.ReportProcesses.class),
  ENDPOINTS_MATCHED(129, NodeCommand.EndpointsMatched.class),
  ENTER_STOP(130, NodeCommand.EnterStop.class),
  LOOK_AROUND(131, NodeCommand.LookAround.class),
  // Node to coordinator.
  NODE_JOINED(140, NodeEvent.NodeJoined.class),
  PROCESSES_CHANGED(141, NodeEvent.ProcessesChanged.class),
  PHASE_REACHED(142, NodeEvent.PhaseReached.class),
  PHASE_FAILED(143, NodeEvent.PhaseFailed.class),
  ROUND_COMMITTED(144, NodeEvent.RoundCommitted.class),
  ROUND_ABORTED(145, NodeEvent.RoundAborted.class),
  ENDPOINTS_FOUND(146, NodeEvent.EndpointsFound.class),
  WRITE_PROGRESS(147, NodeEvent.WriteProgress.class),
  LOOKED_AROUND(148, NodeEvent.LookedAround.class),
  PLUGINS_CHANGED(159, NodeEvent.PluginsChanged.class),
  // Clients to coordinator.
  REGISTER(160, CoordinatorRequest.Register.class),
  GET_STATUS(161, CoordinatorRequest.GetStatus.class),
  LIST_WORKERS(162, CoordinatorRequest.ListWorkers.class),
  CHECKPOINT(163, CoordinatorRequest.Checkpoint.class),
  SET_INTERVAL(164, CoordinatorRequest.SetInterval.class),
  KILL(165, CoordinatorRequest.Kill.class),
  QUIT(166, CoordinatorRequest.Quit.class),
  FORCE(167, CoordinatorRequest.Force.class),
  BEGIN_RESTART(168, CoordinatorRequest.BeginRestart.class),
  RESTART_READY(169, CoordinatorRequest.RestartReady.class),
  RESTART_WITHDRAWN(170, CoordinatorRequest.RestartWithdrawn.class),
  PUBLISH_NAMES(171, CoordinatorRequest.PublishNames.class),
  RESOLVE_NAMES(172, CoordinatorRequest.ResolveNames.class),
  LIST_GENERATIONS(173, CoordinatorRequest.ListGenerations.class),
  GET_PROGRESS(174, CoordinatorRequest.GetProgress.class),
  ACCESS_KEY_VALUE(178, CoordinatorRequest.AccessKeyValue.class),
  ENTER_BARRIER(179, CoordinatorRequest.EnterBarrier.class),
  // Coordinator to clients.
  REFUSED(180, CoordinatorReply.Refused.class),
  ACCEPTED(181, CoordinatorReply.Accepted.class),
  REGISTERED(182, CoordinatorReply.Registered.class),
  STATUS(183, CoordinatorReply.Status.class),
  WORKERS(184, CoordinatorReply.Workers.class),
  CHECKPOINT_STARTED(185, CoordinatorReply.CheckpointStarted.class),
  CHECKPOINT_DONE(186, CoordinatorReply.CheckpointDone.class),
  INTERVAL_CHANGED(187, CoordinatorReply.IntervalChanged.class),
  RESTART_BEGUN(188, CoordinatorReply.RestartBegun.class),
  RESTART_WAITING(189, CoordinatorReply.RestartWaiting.class),
  RESTART_GO(190, CoordinatorReply.RestartGo.class),
  NAMES_RESOLVED(191, CoordinatorReply.NamesResolved.class),
  GENERATIONS(192, CoordinatorReply.Generations.class),
  PROGRESS(193, CoordinatorReply.Progress.class),
  KEY_VALUE(198, CoordinatorReply.KeyValue.class),
  BARRIER_OPENED(199, CoordinatorReply.BarrierOpened.class);

  /** Of every {@code ActorRef}, whatever class implements it in this JVM. */
  static final int ACTOR_REF = 90;

  final int id;
  final Class<?> type;

  WireType(int id, Class<?> type) {
    this.id = id;
    this.type = type;
  }
}
