package org.dmtcp.akka.protocol;

import akka.actor.typed.Behavior;
import akka.actor.typed.Signal;
import akka.actor.typed.javadsl.BehaviorBuilder;
import java.util.function.Function;
import java.util.function.Predicate;

/**
 * What a state of an actor accepts: Akka's {@code Behaviors.receive} in the same words. Lambdas given
 * to Akka itself are serializable, and such ones the JVM does not keep in its archive of classes: a
 * state is then made anew, lambda by lambda, at its first use, which cost the first checkpoint of a
 * coordinator 90 ms for 134 of them.
 *
 * @param <T> messages of the actor
 */
public final class Receiving<T> {
  private BehaviorBuilder<T> builder = BehaviorBuilder.create(); // every step is another one

  private Receiving() {}

  /** @param type messages of the actor */
  public static <T> Receiving<T> of(Class<T> type) {
    return new Receiving<>();
  }

  /** The first that fits is called. */
  public <M extends T> Receiving<T> onMessage(
      Class<M> type, Function<M, Behavior<T>> handler) {
    builder = builder.onMessage(type, new Actors.Plain<>(handler));
    return this;
  }

  public <M extends T> Receiving<T> onMessage(
      Class<M> type, Predicate<M> test, Function<M, Behavior<T>> handler) {
    builder = builder.onMessage(type, new Test<>(test), new Actors.Plain<>(handler));
    return this;
  }

  public Receiving<T> onAnyMessage(Function<T, Behavior<T>> handler) {
    builder = builder.onAnyMessage(new Actors.Plain<>(handler));
    return this;
  }

  public <M extends Signal> Receiving<T> onSignal(
      Class<M> type, Function<M, Behavior<T>> handler) {
    builder = builder.onSignal(type, new Actors.Plain<>(handler));
    return this;
  }

  public Behavior<T> build() {
    return builder.build();
  }

  @SuppressWarnings("serial") // Akka's interface is, but nobody serializes a behavior
  private record Test<M>(Predicate<M> predicate)
      implements akka.japi.function.Predicate<M> {
    @Override
    public boolean test(M message) {
      return predicate.test(message);
    }
  }
}
