// Stand-ins for ROS-TCP-Connector 0.7 in ROS 2 mode, written from its public interface and from CDR (OMG DDSI-RTPS 2.3,
// section 10): what the package uses, and no more.
using System;
using System.Collections.Generic;
using System.IO;
using System.Text;

namespace Unity.Robotics.ROSTCPConnector.MessageGeneration
{
    public class Message
    {
        public virtual string RosMessageName => throw new NotImplementedException();

        public virtual void SerializeTo(MessageSerializer serializer)
        {
            throw new NotImplementedException();
        }
    }

    /// <summary>CDR, little endian; alignment counts after the encapsulation header.</summary>
    public sealed class MessageSerializer
    {
        readonly MemoryStream _bytes = new MemoryStream();

        public static byte[] Serialized(Message message)
        {
            var serializer = new MessageSerializer();
            message.SerializeTo(serializer);
            byte[] body = serializer._bytes.ToArray();
            var whole = new byte[body.Length + 4];
            whole[1] = 1;
            body.CopyTo(whole, 4);
            return whole;
        }

        public void Write(Message message) => message.SerializeTo(this);

        public void Write<T>(T[] values)
        {
            foreach (T value in values)
            {
                WriteOne(value);
            }
        }

        public void Write(byte[] values)
        {
            _bytes.Write(values, 0, values.Length);
        }

        public void WriteLength<T>(T[] values) => Write(values.Length);

        public void Write(string text)
        {
            byte[] utf8 = Encoding.UTF8.GetBytes(text);
            Write(utf8.Length + 1);
            _bytes.Write(utf8, 0, utf8.Length);
            _bytes.WriteByte(0);
        }

        public void Write(bool value) => Put(BitConverter.GetBytes(value));

        public void Write(byte value) => _bytes.WriteByte(value);

        public void Write(sbyte value) => _bytes.WriteByte((byte)value);

        public void Write(short value) => Put(BitConverter.GetBytes(value));

        public void Write(ushort value) => Put(BitConverter.GetBytes(value));

        public void Write(int value) => Put(BitConverter.GetBytes(value));

        public void Write(uint value) => Put(BitConverter.GetBytes(value));

        public void Write(long value) => Put(BitConverter.GetBytes(value));

        public void Write(ulong value) => Put(BitConverter.GetBytes(value));

        public void Write(float value) => Put(BitConverter.GetBytes(value));

        public void Write(double value) => Put(BitConverter.GetBytes(value));

        void WriteOne(object value)
        {
            typeof(MessageSerializer).GetMethod("Write", new[] { value is Message ? typeof(Message) : value.GetType() })
                .Invoke(this, new[] { value });
        }

        void Put(byte[] value)
        {
            while (_bytes.Length % value.Length != 0)
            {
                _bytes.WriteByte(0);
            }

            _bytes.Write(value, 0, value.Length);
        }
    }

    public sealed class MessageDeserializer
    {
        const int Header = 4;
        readonly byte[] _data;
        int _at = Header;

        public MessageDeserializer(byte[] data)
        {
            _data = data;
        }

        public int ReadLength()
        {
            Read(out int length);
            return length;
        }

        public void Read(out bool value) => value = _data[_at++] != 0;

        public void Read(out byte value) => value = _data[_at++];

        public void Read(out sbyte value) => value = (sbyte)_data[_at++];

        public void Read(out short value) => value = BitConverter.ToInt16(_data, Next(2));

        public void Read(out ushort value) => value = BitConverter.ToUInt16(_data, Next(2));

        public void Read(out int value) => value = BitConverter.ToInt32(_data, Next(4));

        public void Read(out uint value) => value = BitConverter.ToUInt32(_data, Next(4));

        public void Read(out long value) => value = BitConverter.ToInt64(_data, Next(8));

        public void Read(out ulong value) => value = BitConverter.ToUInt64(_data, Next(8));

        public void Read(out float value) => value = BitConverter.ToSingle(_data, Next(4));

        public void Read(out double value) => value = BitConverter.ToDouble(_data, Next(8));

        public void Read(out string value)
        {
            int length = ReadLength();
            value = Encoding.UTF8.GetString(_data, _at, length - 1);
            _at += length;
        }

        public void Read<T>(out T[] values, int elementSize, int length)
        {
            values = new T[length];
            if (length > 0)
            {
                int start = Next(elementSize);
                Buffer.BlockCopy(_data, start, values, 0, length * elementSize);
                _at = start + length * elementSize;
            }
        }

        public void Read<T>(out T[] values, Func<MessageDeserializer, Message> loader, int length) where T : Message
        {
            values = new T[length];
            for (int k = 0; k < length; k++)
            {
                values[k] = (T)loader(this);
            }
        }

        int Next(int size)
        {
            int start = Header + (_at - Header + size - 1) / size * size;
            _at = start + size;
            return start;
        }
    }

    public static class MessageRegistry
    {
        sealed class Entry<T>
        {
            public static string Name;
        }

        static readonly Dictionary<string, Func<MessageDeserializer, Message>> ByName =
            new Dictionary<string, Func<MessageDeserializer, Message>>();

        public static void Register<T>(string rosMessageName, Func<MessageDeserializer, T> deserialize) where T : Message
        {
            Entry<T>.Name = rosMessageName;
            ByName[rosMessageName] = deserialize;
        }

        public static string GetRosMessageName<T>() where T : Message => Entry<T>.Name;

        public static Func<MessageDeserializer, Message> GetDeserializeFunction(string rosMessageName)
        {
            return ByName[rosMessageName];
        }
    }
}
