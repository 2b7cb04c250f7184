using System;
using System.Collections.Generic;
using Unity.Robotics.ROSTCPConnector;
using Unity.Robotics.ROSTCPConnector.MessageGeneration;
using UnityEngine;
using UnityEngine.SceneManagement;

namespace UnityDepthPerception.Ros
{
    /// <summary>
    /// The one connection to ROS. It outlives the scene that it came from, a copy that a reloaded scene brings along
    /// does not connect a second time, and an address that nobody answers at is told within five seconds.
    /// </summary>
    public sealed class RosLink
    {
        /// <summary>Of the connector, for each topic; more than the publishers of a topic have messages.</summary>
        const int QueueSize = 10;

        static RosLink current;

        readonly ConnectionWatch _watch = new ConnectionWatch();
        readonly Dictionary<string, MessageReturns> _returns = new Dictionary<string, MessageReturns>();
        readonly Dictionary<string, object> _listeners = new Dictionary<string, object>();
        readonly List<ROSConnection> _found = new List<ROSConnection>();
        readonly List<GameObject> _roots = new List<GameObject>();
        readonly float _madeAt = Time.realtimeSinceStartup;
        int _lastFrame = -1;
        bool _hasSaidNotStarted;

        RosLink(ROSConnection connection)
        {
            Connection = connection;
            connection.transform.SetParent(null);
            UnityEngine.Object.DontDestroyOnLoad(connection.gameObject);
            SceneManager.sceneLoaded += DisableCopies;
        }

        /// <summary>The link; made on first use. Call it from Start or later.</summary>
        public static RosLink Current
        {
            get
            {
                if (current == null || current.Connection == null)
                {
                    Forget();
                    current = new RosLink(ROSConnection.GetOrCreateInstance());
                }

                return current;
            }
        }

        /// <summary>The connector.</summary>
        public ROSConnection Connection { get; }

        /// <summary>How it stands.</summary>
        public ConnectionState State => _watch.State;

        /// <summary>How it stands, in a sentence.</summary>
        public string Description => _watch.Describe(Connection.RosIPAddress, Connection.RosPort);

        /// <summary>Looks at the connection; any component may call it, it looks once a frame.</summary>
        public void Update()
        {
            if (Time.frameCount == _lastFrame)
            {
                return;
            }

            _lastFrame = Time.frameCount;
            bool hasChanged = _watch.Update(
                Time.realtimeSinceStartup,
                Connection.HasConnectionThread,
                Connection.HasConnectionError,
                Connection.LastMessageReceivedRealtime > 0);
            if (hasChanged)
            {
                TellChange();
            }
            else if (_watch.State == ConnectionState.NotStarted)
            {
                TellNotStarted();
            }
        }

        void TellNotStarted()
        {
            if (!_hasSaidNotStarted && Time.realtimeSinceStartup - _madeAt >= ConnectionWatch.Patience)
            {
                _hasSaidNotStarted = true;
                Debug.LogWarning(Description, Connection);
            }
        }

        void TellChange()
        {
            if (_watch.State == ConnectionState.NoAnswer)
            {
                Debug.LogWarning(Description, Connection);
            }
            else if (_watch.State == ConnectionState.Connected)
            {
                Debug.Log(Description, Connection);
                foreach (MessageReturns returns in _returns.Values)
                {
                    returns.ReplaceLost();
                }
            }
        }

        internal PooledPublisher<T> Publisher<T>(string topic, Func<T> make) where T : Message
        {
            RosTopicState known = Connection.GetTopic(topic);
            RosTopicState state = known != null && known.IsPublisher
                ? known
                : Connection.RegisterPublisher<T>(topic, QueueSize);
            if (!_returns.TryGetValue(topic, out MessageReturns returns))
            {
                _returns[topic] = returns = new MessageReturns();
                state.SetMessagePool(returns);
            }

            var publisher = new PooledPublisher<T>(state, make);
            returns.Add(publisher);
            return publisher;
        }

        internal void Remove(IPooledPublisher publisher)
        {
            _returns[publisher.Topic].Remove(publisher);
        }

        internal void AddListener<T>(string topic, Action<T> listener) where T : Message
        {
            if (!_listeners.TryGetValue(topic, out object listeners))
            {
                var first = new TopicListeners<T>();
                _listeners[topic] = listeners = first;
                Connection.Subscribe<T>(topic, first.Take);
            }

            ((TopicListeners<T>)listeners).Add(listener);
        }

        internal void RemoveListener<T>(string topic, Action<T> listener) where T : Message
        {
            ((TopicListeners<T>)_listeners[topic]).Remove(listener);
        }

        [RuntimeInitializeOnLoadMethod(RuntimeInitializeLoadType.SubsystemRegistration)]
        static void Forget()
        {
            // With domain reload switched off, statics outlive play mode.
            if (current != null)
            {
                SceneManager.sceneLoaded -= current.DisableCopies;
                current = null;
            }
        }

        void DisableCopies(Scene scene, LoadSceneMode mode)
        {
            // After Awake and before Start, in which a copy would connect.
            scene.GetRootGameObjects(_roots);
            foreach (GameObject root in _roots)
            {
                root.GetComponentsInChildren(true, _found);
                foreach (ROSConnection copy in _found)
                {
                    if (copy != Connection)
                    {
                        copy.ConnectOnStart = false;
                        copy.enabled = false;
                        UnityEngine.Object.Destroy(copy);
                    }
                }
            }
        }
    }
}
