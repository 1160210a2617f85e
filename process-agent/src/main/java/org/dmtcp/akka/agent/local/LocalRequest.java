package org.dmtcp.akka.agent.local;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicReference;

/**
 * One request of a local client. Answered once, from any thread; a second answer is dropped, and so
 * is one that comes after the client has gone.
 */
public final class LocalRequest {
  /** Where answers go: the connection, seen from other threads. */
  interface Sink {
    void send(ObjectNode line, boolean last);

    void whenClosed(Runnable action);
  }

  private static final Runnable NOTHING = () -> {};
  private static final Runnable GONE = () -> {};

  private final ObjectNode json;
  private final Sink sink;
  private final AtomicBoolean answered = new AtomicBoolean();
  private final AtomicReference<Runnable> onGone = new AtomicReference<>(NOTHING);

  LocalRequest(ObjectNode json, Sink sink) {
    this.json = json;
    this.sink = sink;
  }

  /** The request as it came: an object whose {@code op} is a string; nothing else is checked. */
  public ObjectNode json() {
    return json;
  }

  public String op() {
    return json.get("op").textValue();
  }

  /**
   * Marks this request as one that waits: {@code action} runs, on any thread and at most once, when
   * the client closes its connection before the answer. Without this, a client that closes is still
   * answered (it may have closed only its sending side).
   */
  public void whenGone(Runnable action) {
    if (!onGone.compareAndSet(NOTHING, action)) {
      action.run();
    }
  }

  /**
   * {@code action} runs when the connection closes, also after the answer, unless a later request of
   * the connection has said something else; {@code null}: nothing is to be done any more.
   */
  public void whenClosed(Runnable action) {
    sink.whenClosed(action);
  }

  /** A line before the answer, such as who is still awaited. */
  public void progress(ObjectNode line) {
    if (!answered.get()) {
      sink.send(line, false);
    }
  }

  /** Answers {@code ok} with these fields; the object is the request's from now on. */
  public void succeed(ObjectNode fields) {
    ObjectNode answer = JsonNodeFactory.instance.objectNode();
    answer.put("ok", true);
    answer.setAll(fields);
    answer(answer);
  }

  public void succeed() {
    succeed(JsonNodeFactory.instance.objectNode());
  }

  /**
   * Answers that it could not be done.
   *
   * @param id one of errors.tsv
   * @param text names the object and the reason
   * @param remedy what the user can do; may be empty
   */
  public void fail(String id, String text, String remedy) {
    ObjectNode answer = JsonNodeFactory.instance.objectNode();
    answer.put("ok", false);
    answer.putObject("error").put("id", id).put("text", text).put("remedy", remedy);
    answer(answer);
  }

  private void answer(ObjectNode answer) {
    if (answered.compareAndSet(false, true)) {
      sink.send(answer, true);
    }
  }

  /**
   * The client has closed.
   *
   * @return whether this request was waiting: it needs no answer any more
   */
  boolean gone() {
    Runnable action = onGone.get();
    if (action == NOTHING || action == GONE || answered.getAndSet(true)) {
      return false;
    }
    onGone.set(GONE);
    action.run();
    return true;
  }
}
