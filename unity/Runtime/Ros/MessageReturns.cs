using System.Collections.Generic;
using Unity.Robotics.ROSTCPConnector;
using Unity.Robotics.ROSTCPConnector.MessageGeneration;

namespace UnityDepthPerception.Ros
{
    /// <summary>
    /// Gets the messages of one topic back from the connector and gives them to their owners: several cameras may
    /// publish on one topic, such as /tf, and the connector knows one pool for each.
    /// </summary>
    sealed class MessageReturns : IMessagePool
    {
        readonly List<IPooledPublisher> _owners = new List<IPooledPublisher>();

        /// <summary>Adds an owner.</summary>
        public void Add(IPooledPublisher owner)
        {
            lock (_owners)
            {
                _owners.Add(owner);
            }
        }

        /// <summary>Forgets an owner, whose messages are of no use any more.</summary>
        public void Remove(IPooledPublisher owner)
        {
            lock (_owners)
            {
                _owners.Remove(owner);
            }
        }

        /// <summary>Makes all owners replace what the connector has lost.</summary>
        public void ReplaceLost()
        {
            lock (_owners)
            {
                foreach (IPooledPublisher owner in _owners)
                {
                    owner.ReplaceLost();
                }
            }
        }

        /// <inheritdoc/>
        void IMessagePool.AddMessage(Message message)
        {
            lock (_owners)
            {
                foreach (IPooledPublisher owner in _owners)
                {
                    owner.TakeBack(message);
                }
            }
        }
    }
}
