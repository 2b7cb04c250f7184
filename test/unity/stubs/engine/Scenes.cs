using System.Collections.Generic;
using System.Linq;

namespace UnityEngine
{
    /// <summary>What a scene holds.</summary>
    public sealed class StubScene
    {
        public readonly List<GameObject> Roots = new List<GameObject>();
    }
}

namespace UnityEngine.Events
{
    public delegate void UnityAction<T0>(T0 argument);

    public delegate void UnityAction<T0, T1>(T0 first, T1 second);

    public class UnityEvent<T0>
    {
        event UnityAction<T0> Listeners;

        public void AddListener(UnityAction<T0> listener)
        {
            Listeners += listener;
        }

        public void Invoke(T0 argument)
        {
            if (Listeners != null)
            {
                Listeners(argument);
            }
        }
    }
}

namespace UnityEngine.SceneManagement
{
    using UnityEngine.Events;

    public enum LoadSceneMode
    {
        Single,
        Additive
    }

    public struct Scene
    {
        readonly StubScene _content;

        internal Scene(StubScene content)
        {
            _content = content;
        }

        public bool isLoaded => _content != null;

        public void GetRootGameObjects(List<GameObject> roots)
        {
            roots.Clear();
            roots.AddRange(_content.Roots);
        }
    }

    public static class SceneManager
    {
        /// <summary>The scene that new objects come into.</summary>
        public static StubScene Active { get; internal set; } = new StubScene();

        /// <summary>What outlives a scene.</summary>
        public static StubScene Kept { get; } = new StubScene();

        public static int sceneCount => 1;

        public static event UnityAction<Scene, LoadSceneMode> sceneLoaded;

        public static Scene GetSceneAt(int index) => new Scene(Active);

        internal static void Keep(GameObject root)
        {
            root.Home.Roots.Remove(root);
            root.Home = Kept;
            Kept.Roots.Add(root);
        }

        /// <summary>Destroys the scene and makes another one by code.</summary>
        public static void Load(System.Action build)
        {
            foreach (GameObject root in Active.Roots.ToArray())
            {
                root.DestroyNow();
            }

            Active = new StubScene();
            build();
            if (sceneLoaded != null)
            {
                sceneLoaded(new Scene(Active), LoadSceneMode.Single);
            }
        }
    }
}
