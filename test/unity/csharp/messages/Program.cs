using System;
using System.Globalization;
using System.IO;
using System.Linq;
using System.Reflection;
using Unity.Robotics.ROSTCPConnector.MessageGeneration;

/// <summary>
/// Reads messages (name and CDR bytes in hexadecimal, one in a line), and writes them again; or writes new ones.
/// </summary>
static class Program
{
    static int Main()
    {
        foreach (string path in Directory.GetFiles(AppDomain.CurrentDomain.BaseDirectory, "*.dll"))
        {
            foreach (Type type in Assembly.LoadFrom(path).GetTypes().Where(t => t.IsSubclassOf(typeof(Message))))
            {
                type.GetMethod("Register").Invoke(null, null);
            }
        }

        string line;
        while ((line = Console.In.ReadLine()) != null)
        {
            string[] words = line.Split(' ');
            Func<MessageDeserializer, Message> deserialize = MessageRegistry.GetDeserializeFunction(words[0]);
            Message message = words.Length > 1
                ? deserialize(new MessageDeserializer(FromHex(words[1])))
                : (Message)Activator.CreateInstance(deserialize.Method.ReturnType);
            if (message.ToString().Length == 0 || message.RosMessageName != words[0])
            {
                return 1;
            }

            Console.Out.WriteLine(string.Concat(MessageSerializer.Serialized(message).Select(b => b.ToString("x2")).ToArray()));
        }

        return 0;
    }

    static byte[] FromHex(string text)
    {
        var bytes = new byte[text.Length / 2];
        for (int k = 0; k < bytes.Length; k++)
        {
            bytes[k] = byte.Parse(text.Substring(2 * k, 2), NumberStyles.HexNumber, CultureInfo.InvariantCulture);
        }

        return bytes;
    }
}
