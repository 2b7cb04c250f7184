using System;
using System.Collections.Generic;
using System.Linq;
using UnityEngine.SceneManagement;

namespace UnityEngine
{
    [Flags]
    public enum HideFlags
    {
        None = 0,
        DontSave = 52,
        HideAndDontSave = 61
    }

    public class Object
    {
        internal bool IsDestroyed;

        public string name { get; set; } = "";

        public HideFlags hideFlags { get; set; }

        /// <summary>Takes effect at the end of the frame.</summary>
        public static void Destroy(Object item)
        {
            if (item != null)
            {
                StubPlayer.Doomed.Add(item);
            }
        }

        public static void DontDestroyOnLoad(Object item)
        {
            SceneManager.Keep((GameObject)item);
        }

        public static bool operator ==(Object a, Object b)
        {
            bool isNoneA = ReferenceEquals(a, null) || a.IsDestroyed, isNoneB = ReferenceEquals(b, null) || b.IsDestroyed;
            return isNoneA || isNoneB ? isNoneA && isNoneB : ReferenceEquals(a, b);
        }

        public static bool operator !=(Object a, Object b) => !(a == b);

        public override bool Equals(object other) => ReferenceEquals(this, other);

        public override int GetHashCode() => System.Runtime.CompilerServices.RuntimeHelpers.GetHashCode(this);

        internal virtual void DestroyNow()
        {
            IsDestroyed = true;
        }
    }

    public class Component : Object
    {
        public GameObject gameObject { get; internal set; }

        public Transform transform => gameObject.transform;

        public new string name
        {
            get { return gameObject.name; }
            set { gameObject.name = value; }
        }

        public T GetComponent<T>() => gameObject.GetComponent<T>();

        public Component GetComponent(string type)
        {
            return gameObject.Components.FirstOrDefault(component => component.GetType().Name == type);
        }

        public void GetComponentsInChildren<T>(bool includeInactive, List<T> results)
        {
            gameObject.GetComponentsInChildren(includeInactive, results);
        }

        internal override void DestroyNow()
        {
            base.DestroyNow();
            gameObject.Components.Remove(this);
        }
    }

    public class Behaviour : Component
    {
        bool _enabled = true;

        public bool enabled
        {
            get { return _enabled; }
            set
            {
                _enabled = value;
                StubPlayer.UpdateActivity(this);
            }
        }

        internal bool IsRunning => _enabled && !IsDestroyed && gameObject.activeInHierarchy;
    }

    public class MonoBehaviour : Behaviour
    {
        internal bool WasEnabled;
        internal bool HasStarted;

        public bool useGUILayout { get; set; }

        internal override void DestroyNow()
        {
            if (WasEnabled)
            {
                WasEnabled = false;
                StubPlayer.Call(this, "OnDisable");
            }

            StubPlayer.Call(this, "OnDestroy");
            base.DestroyNow();
        }
    }

    public sealed class GameObject : Object
    {
        internal readonly List<Component> Components = new List<Component>();
        bool _active = true;

        public GameObject(string name = "New Game Object")
        {
            this.name = name;
            transform = new Transform { gameObject = this };
            Components.Add(transform);
            SceneManager.Active.Roots.Add(this);
            Home = SceneManager.Active;
        }

        public Transform transform { get; }

        public int layer { get; set; }

        public Scene scene => new Scene(transform.Root.gameObject.Home);

        public bool activeInHierarchy
        {
            get { return _active && (transform.parent == null || transform.parent.gameObject.activeInHierarchy); }
        }

        internal StubScene Home { get; set; }

        public T AddComponent<T>() where T : Component, new()
        {
            var added = new T { gameObject = this };
            Components.Add(added);
            StubPlayer.Awaken(added);
            return added;
        }

        public T GetComponent<T>() => Components.OfType<T>().FirstOrDefault();

        public void GetComponentsInChildren<T>(bool includeInactive, List<T> results)
        {
            results.Clear();
            Collect(includeInactive, results);
        }

        public void SetActive(bool value)
        {
            _active = value;
            foreach (MonoBehaviour behaviour in All<MonoBehaviour>())
            {
                StubPlayer.UpdateActivity(behaviour);
            }
        }

        public List<T> All<T>()
        {
            var all = new List<T>();
            Collect(true, all);
            return all;
        }

        internal override void DestroyNow()
        {
            foreach (Transform child in transform.Children.ToArray())
            {
                child.gameObject.DestroyNow();
            }

            foreach (Component component in Components.ToArray())
            {
                component.DestroyNow();
            }

            transform.SetParent(null, false);
            Home.Roots.Remove(this);
            base.DestroyNow();
        }

        void Collect<T>(bool includeInactive, List<T> results)
        {
            if (!includeInactive && !activeInHierarchy)
            {
                return;
            }

            results.AddRange(Components.OfType<T>());
            foreach (Transform child in transform.Children)
            {
                child.gameObject.Collect(includeInactive, results);
            }
        }
    }
}
