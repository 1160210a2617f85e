package org.dmtcp.akka.protocol;

import akka.actor.ExtendedActorSystem;
import akka.actor.typed.ActorRef;
import akka.actor.typed.ActorRefResolver;
import akka.actor.typed.javadsl.Adapter;
import akka.serialization.JSerializer;
import com.esotericsoftware.kryo.Kryo;
import com.esotericsoftware.kryo.Registration;
import com.esotericsoftware.kryo.Serializer;
import com.esotericsoftware.kryo.io.Input;
import com.esotericsoftware.kryo.io.Output;
import com.esotericsoftware.kryo.serializers.DefaultSerializers;
import com.esotericsoftware.kryo.util.DefaultClassResolver;
import com.esotericsoftware.kryo.util.Pool;
import java.util.ArrayList;
import java.util.List;

/** Akka's way to and from bytes for {@link WireMessage}: Kryo with the ids of {@link WireType}. */
public final class WireSerializer extends JSerializer {
  /** Of this serializer among Akka's; never changed. */
  private static final int IDENTIFIER = 77790001;

  private static final int FIRST_BUFFER_BYTES = 512;

  private final Pool<Kryo> kryos;

  /** Called by Akka, with the actor system that the references belong to. */
  public WireSerializer(ExtendedActorSystem system) {
    this.kryos =
        new Pool<>(true, true, 4) { // Kryo is not thread-safe; soft references
          @Override
          protected Kryo create() {
            // Resolved here, not above: the system is not complete while it loads serializers.
            return kryo(ActorRefResolver.get(Adapter.toTyped(system)));
          }
        };
  }

  static Kryo kryo(ActorRefResolver resolver) {
    Kryo kryo = new Kryo(new RefResolver(), null); // null: no object travels twice
    kryo.setRegistrationRequired(true); // an unlisted class fails here, not on a peer
    kryo.register(ActorRef.class, new RefSerializer(resolver), WireType.ACTOR_REF);
    for (WireType t : WireType.values()) {
      if (t == WireType.LIST || t == WireType.SHORT_LIST) {
        kryo.register(t.type, new ListSerializer(), t.id);
      } else if (t.type.isEnum()) {
        kryo.register(t.type, new DefaultSerializers.EnumSerializer(enumType(t.type)), t.id);
      } else {
        kryo.register(t.type, t.id);
      }
    }
    return kryo;
  }

  @SuppressWarnings("unchecked") // checked by the caller with isEnum
  private static Class<? extends Enum<?>> enumType(Class<?> type) {
    return (Class<? extends Enum<?>>) type;
  }

  @Override
  public int identifier() {
    return IDENTIFIER;
  }

  @Override
  public boolean includeManifest() {
    return false;
  }

  @Override
  public byte[] toBinary(Object message) {
    Kryo kryo = kryos.obtain();
    try {
      Output output = new Output(FIRST_BUFFER_BYTES, -1);
      kryo.writeClassAndObject(output, message);
      return output.toBytes();
    } finally {
      kryos.free(kryo);
    }
  }

  /** Throws for what is no valid message: Akka logs it and drops it. */
  @Override
  public Object fromBinaryJava(byte[] bytes, Class<?> manifest) {
    Kryo kryo = kryos.obtain();
    try {
      Object message = kryo.readClassAndObject(new Input(bytes));
      if (message instanceof WireMessage) {
        return message;
      }
      throw new IllegalArgumentException("not a message: " + message);
    } catch (OutOfMemoryError | StackOverflowError e) {
      // By a size or depth that lies, not for want of memory: Akka would end the JVM for it.
      throw new IllegalArgumentException("a message beyond all bounds: " + e.getMessage(), e);
    } finally {
      kryos.free(kryo);
    }
  }

  /** Whatever class implements a reference in this JVM, it is one kind of thing on the wire. */
  private static final class RefResolver extends DefaultClassResolver {
    @Override
    @SuppressWarnings("rawtypes") // as Kryo declares it
    public Registration getRegistration(Class type) {
      return super.getRegistration(ActorRef.class.isAssignableFrom(type) ? ActorRef.class : type);
    }
  }

  /** A reference travels as its full address. */
  private static final class RefSerializer extends Serializer<ActorRef<?>> {
    private final ActorRefResolver resolver;

    RefSerializer(ActorRefResolver resolver) {
      super(false, true);
      this.resolver = resolver;
    }

    @Override
    public void write(Kryo kryo, Output output, ActorRef<?> ref) {
      output.writeString(resolver.toSerializationFormat(ref));
    }

    @Override
    public ActorRef<?> read(Kryo kryo, Input input, Class<? extends ActorRef<?>> type) {
      return resolver.resolveActorRef(input.readString());
    }
  }

  /** The two classes of {@link List#of} and {@link List#copyOf}. */
  private static final class ListSerializer extends Serializer<List<?>> {
    ListSerializer() {
      super(false, true);
    }

    @Override
    public void write(Kryo kryo, Output output, List<?> list) {
      output.writeVarInt(list.size(), true);
      list.forEach(item -> kryo.writeClassAndObject(output, item));
    }

    @Override
    public List<?> read(Kryo kryo, Input input, Class<? extends List<?>> type) {
      int size = input.readVarInt(true);
      // An item takes a byte at least: a size that lies must not make us allocate.
      if (size < 0 || size > input.limit() - input.position()) {
        throw new IllegalArgumentException("list of " + size + " items in a short message");
      }
      List<Object> items = new ArrayList<>(size);
      for (int i = 0; i < size; i++) {
        items.add(kryo.readClassAndObject(input));
      }
      return List.copyOf(items);
    }
  }
}
