using System;
using Unity.Robotics.ROSTCPConnector;
using Unity.Robotics.ROSTCPConnector.MessageGeneration;

namespace UnityDepthPerception.Ros
{
    /// <summary>
    /// A topic whose messages are made once. The connector serialises a message later, on a thread of its own, so one
    /// that was published must not be touched until the connector gives it back: it does so when the next one was sent.
    /// </summary>
    /// <typeparam name="T">The message.</typeparam>
    sealed class PooledPublisher<T> : IPooledPublisher where T : Message
    {
        /// <summary>One that was sent last, one being sent, one waiting.</summary>
        public const int PoolSize = 3;

        readonly object _lock = new object();
        readonly Func<T> _make;
        readonly T[] _messages = new T[PoolSize];
        readonly bool[] _isOut = new bool[PoolSize];
        readonly RosTopicState _topic;

        /// <summary>Makes the messages of a topic that is registered already.</summary>
        public PooledPublisher(RosTopicState topic, Func<T> make)
        {
            _make = make;
            for (int k = 0; k < PoolSize; k++)
            {
                _messages[k] = make();
            }

            _topic = topic;
        }

        /// <inheritdoc/>
        public string Topic => _topic.Topic;

        /// <inheritdoc/>
        public bool CanTake
        {
            get
            {
                lock (_lock)
                {
                    return Array.IndexOf(_isOut, false) >= 0;
                }
            }
        }

        /// <summary>
        /// A message to fill and publish; all its fields are as they were left. Look at CanTake first.
        /// </summary>
        public T Take()
        {
            lock (_lock)
            {
                int free = Array.IndexOf(_isOut, false);
                _isOut[free] = true;
                return _messages[free];
            }
        }

        /// <summary>Hands a message to the connector.</summary>
        public void Publish(T message)
        {
            _topic.Publish(message);
        }

        /// <inheritdoc/>
        public void ReplaceLost()
        {
            lock (_lock)
            {
                for (int k = 0; k < PoolSize; k++)
                {
                    if (_isOut[k])
                    {
                        _messages[k] = _make();
                        _isOut[k] = false;
                    }
                }
            }
        }

        /// <inheritdoc/>
        public void TakeBack(Message message)
        {
            lock (_lock)
            {
                for (int k = 0; k < PoolSize; k++)
                {
                    if (ReferenceEquals(_messages[k], message))
                    {
                        _isOut[k] = false;
                    }
                }
            }
        }
    }
}
