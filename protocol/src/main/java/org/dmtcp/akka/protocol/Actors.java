package org.dmtcp.akka.protocol;

import akka.actor.typed.ActorRef;
import akka.actor.typed.Behavior;
import akka.actor.typed.javadsl.ActorContext;
import akka.actor.typed.javadsl.Behaviors;
import akka.actor.typed.javadsl.TimerScheduler;
import java.util.concurrent.CompletionStage;
import java.util.function.BiFunction;
import java.util.function.Function;

/**
 * How an actor is begun and hears of others: what Akka has for it, with lambdas that the JVM can
 * archive ({@link Receiving} tells why).
 */
public final class Actors {
  private Actors() {}

  public static <T> Behavior<T> setup(Function<ActorContext<T>, Behavior<T>> factory) {
    return Behaviors.setup(new Plain<>(factory));
  }

  public static <T> Behavior<T> withTimers(
      BiFunction<ActorContext<T>, TimerScheduler<T>, Behavior<T>> factory) {
    return setup(context -> Behaviors.withTimers(
        new Plain<TimerScheduler<T>, Behavior<T>>(timers -> factory.apply(context, timers))));
  }

  /** @param wrap what comes into a message of the actor's own */
  public static <T, U> ActorRef<U> adapter(
      ActorContext<T> context, Class<U> type, Function<U, T> wrap) {
    return context.messageAdapter(type, new Plain<>(wrap));
  }

  /** @param wrap result or failure, the other is {@code null}, into a message of the actor's own */
  public static <T, V> void pipe(
      ActorContext<T> context, CompletionStage<V> future, BiFunction<V, Throwable, T> wrap) {
    context.pipeToSelf(future, new Result<>(wrap));
  }

  @SuppressWarnings("serial") // Akka's interface is, but nobody serializes a behavior
  record Plain<M, R>(Function<M, R> function)
      implements akka.japi.function.Function<M, R> {
    @Override
    public R apply(M message) {
      return function.apply(message);
    }
  }

  @SuppressWarnings("serial")
  private record Result<V, R>(BiFunction<V, Throwable, R> function)
      implements akka.japi.function.Function2<V, Throwable, R> {
    @Override
    public R apply(V value, Throwable failure) {
      return function.apply(value, failure);
    }
  }
}
