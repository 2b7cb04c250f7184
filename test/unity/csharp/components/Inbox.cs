using System.Collections.Generic;
using System.Linq;
using Unity.Robotics.ROSTCPConnector;
using Unity.Robotics.ROSTCPConnector.MessageGeneration;

/// <summary>What arrives at ROS, decoded from its bytes.</summary>
sealed class Inbox
{
    readonly Dictionary<string, List<Message>> _messages = new Dictionary<string, List<Message>>();

    public IEnumerable<string> Topics => _messages.Keys.OrderBy(x => x, System.StringComparer.Ordinal);

    public List<T> Of<T>(string topic) where T : Message
    {
        return _messages.ContainsKey(topic) ? _messages[topic].Cast<T>().ToList() : new List<T>();
    }

    public void Take(string topic, byte[] data)
    {
        string name = ROSConnection.GetOrCreateInstance().GetTopic(topic).RosMessageName;
        if (!_messages.ContainsKey(topic))
        {
            _messages[topic] = new List<Message>();
        }

        _messages[topic].Add(MessageRegistry.GetDeserializeFunction(name)(new MessageDeserializer(data)));
    }
}
