using System;
using System.Collections.Generic;
using Unity.Robotics.ROSTCPConnector.MessageGeneration;

namespace UnityDepthPerception.Ros
{
    /// <summary>
    /// Who listens to a topic. The connector can only take away all subscribers of a topic at once, so it gets one that
    /// stays, and listeners come and go here.
    /// </summary>
    sealed class TopicListeners<T> where T : Message
    {
        readonly List<Action<T>> _listeners = new List<Action<T>>();

        /// <summary>Adds a listener.</summary>
        public void Add(Action<T> listener)
        {
            _listeners.Add(listener);
        }

        /// <summary>Takes a listener away.</summary>
        public void Remove(Action<T> listener)
        {
            _listeners.Remove(listener);
        }

        /// <summary>Gives a message to all of them.</summary>
        public void Take(T message)
        {
            for (int k = _listeners.Count - 1; k >= 0; k--)
            {
                _listeners[k](message);
            }
        }
    }
}
