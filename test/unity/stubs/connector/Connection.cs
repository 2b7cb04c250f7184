using System;
using System.Collections.Generic;
using System.Linq;
using Unity.Robotics.ROSTCPConnector.MessageGeneration;
using UnityEngine;
using UnityEngine.SceneManagement;

namespace Unity.Robotics.ROSTCPConnector
{
    public interface IMessagePool
    {
        void AddMessage(Message messageToRecycle);
    }

    /// <summary>
    /// A topic. As in the connector, a message is serialised later, the oldest is dropped from a full queue, and one
    /// comes back to its pool when the next was sent.
    /// </summary>
    public sealed class RosTopicState
    {
        readonly LinkedList<Message> _waiting = new LinkedList<Message>();
        IMessagePool _pool;
        Message _lastSent;
        int _queueSize;

        internal RosTopicState(string topic, string messageName)
        {
            Topic = topic;
            RosMessageName = messageName;
        }

        public string Topic { get; }

        public string RosMessageName { get; }

        public bool IsPublisher { get; private set; }

        /// <summary>Messages that did not fit into the queue.</summary>
        public int Overflows { get; private set; }

        public void SetMessagePool(IMessagePool pool)
        {
            _pool = pool;
        }

        public void Publish(Message message)
        {
            if (_waiting.Count >= _queueSize)
            {
                Overflows++;
                Recycle(_waiting.First.Value);
                _waiting.RemoveFirst();
            }

            _waiting.AddLast(message);
        }

        internal void RegisterPublisher(int queueSize)
        {
            if (IsPublisher)
            {
                Debug.LogWarning("Publisher for topic " + Topic + " registered twice!");
            }

            IsPublisher = true;
            _queueSize = queueSize;
        }

        /// <summary>Sends up to a number of messages; the last is lost if the connection breaks meanwhile.</summary>
        internal void Send(int count, bool breaks, Action<string, byte[]> receive)
        {
            for (; count > 0 && _waiting.Count > 0; count--)
            {
                Message message = _waiting.First.Value;
                _waiting.RemoveFirst();
                if (breaks)
                {
                    break;
                }

                receive(Topic, MessageSerializer.Serialized(message));
                if (_lastSent != null && !ReferenceEquals(_lastSent, message))
                {
                    Recycle(_lastSent);
                }

                _lastSent = message;
            }

            while (breaks && _waiting.Count > 0)
            {
                Recycle(_waiting.First.Value);
                _waiting.RemoveFirst();
            }
        }

        void Recycle(Message message)
        {
            if (_pool != null)
            {
                _pool.AddMessage(message);
            }
        }
    }

    public sealed class ROSConnection : MonoBehaviour
    {
        static ROSConnection instance;
        readonly Dictionary<string, RosTopicState> _topics = new Dictionary<string, RosTopicState>();
        readonly Dictionary<string, Action<Message>> _subscribers = new Dictionary<string, Action<Message>>();

        /// <summary>How often a connection was begun, by any instance.</summary>
        public static int Connections { get; private set; }

        public string RosIPAddress { get; set; } = "127.0.0.1";

        public int RosPort { get; set; } = 10000;

        public bool ConnectOnStart { get; set; } = true;

        public bool HasConnectionThread { get; private set; }

        /// <summary>Whether the endpoint answers.</summary>
        public bool Answers { get; set; } = true;

        public bool HasConnectionError => !Answers;

        public float LastMessageReceivedRealtime { get; private set; }

        public IEnumerable<RosTopicState> AllTopics => _topics.Values;

        public static ROSConnection GetOrCreateInstance()
        {
            if (instance == null)
            {
                instance = SceneManager.Active.Roots.Concat(SceneManager.Kept.Roots)
                    .SelectMany(root => root.All<ROSConnection>()).FirstOrDefault();
                instance = instance != null ? instance : new GameObject("ROSConnection").AddComponent<ROSConnection>();
            }

            return instance;
        }

        public RosTopicState GetTopic(string topic)
        {
            _topics.TryGetValue(topic, out RosTopicState state);
            return state;
        }

        public RosTopicState RegisterPublisher<T>(string topic, int? queue_size = null, bool? latch = null) where T : Message
        {
            string name = MessageRegistry.GetRosMessageName<T>();
            if (name == null)
            {
                throw new InvalidOperationException(typeof(T).Name + " is not registered yet");
            }

            if (GetTopic(topic) == null)
            {
                _topics[topic] = new RosTopicState(topic, name);
            }

            _topics[topic].RegisterPublisher(queue_size ?? 10);
            return _topics[topic];
        }

        public void Subscribe<T>(string topic, Action<T> callback) where T : Message
        {
            Action<Message> earlier;
            _subscribers.TryGetValue(topic, out earlier);
            _subscribers[topic] = earlier + (message => callback((T)message));
        }

        public void Connect()
        {
            HasConnectionThread = true;
            Connections++;
        }

        /// <summary>What the connection's thread does between two frames.</summary>
        public void Send(int count, bool breaks, Action<string, byte[]> receive)
        {
            foreach (RosTopicState topic in _topics.Values)
            {
                topic.Send(count, breaks, receive);
            }
        }

        /// <summary>A message comes from ROS.</summary>
        public void Receive(string topic, Message message)
        {
            _subscribers[topic](message);
        }

        void Awake()
        {
            instance = instance != null ? instance : this;
        }

        void Start()
        {
            if (ConnectOnStart)
            {
                Connect();
            }
        }

        void Update()
        {
            if (HasConnectionThread && Answers)
            {
                LastMessageReceivedRealtime = Time.realtimeSinceStartup;
            }
        }
    }
}
