using System;
using System.Collections.Generic;
using System.Linq;
using System.Reflection;
using UnityEngine.Rendering;
using UnityEngine.SceneManagement;

namespace UnityEngine
{
    /// <summary>A player loop: Start, Update, LateUpdate, OnGUI, read-backs, destruction.</summary>
    public static class StubPlayer
    {
        static Assembly[] loaded = new Assembly[0];
        internal static readonly List<Object> Doomed = new List<Object>();

        /// <summary>Seconds of a frame.</summary>
        public static double FrameTime { get; set; } = 0.1;

        /// <summary>
        /// Runs what the engine runs when a build starts. What it runs after the first scene's Awake and OnEnable comes
        /// with the first frame.
        /// </summary>
        public static void Begin(params Assembly[] assemblies)
        {
            loaded = assemblies;
            Initialize(RuntimeInitializeLoadType.SubsystemRegistration);
        }

        /// <summary>One frame.</summary>
        public static void Step()
        {
            if (Time.frameCount == 0)
            {
                Initialize(RuntimeInitializeLoadType.AfterSceneLoad);
            }

            Time.frameCount++;
            Time.timeAsDouble += FrameTime;
            Time.realtimeSinceStartup += (float)FrameTime;
            AsyncGPUReadback.Poll();
            List<MonoBehaviour> running = Behaviours().Where(b => b.IsRunning).ToList();
            foreach (MonoBehaviour behaviour in running.Where(b => !b.HasStarted))
            {
                if (!behaviour.IsRunning)
                {
                    continue;
                }

                behaviour.HasStarted = true;
                Call(behaviour, "Start");
            }

            foreach (string message in new[] { "Update", "LateUpdate", "OnGUI" })
            {
                foreach (MonoBehaviour behaviour in running)
                {
                    if (behaviour.IsRunning)
                    {
                        Call(behaviour, message);
                    }
                }
            }

            DestroyDoomed();
        }

        internal static void Awaken(Component component)
        {
            var behaviour = component as MonoBehaviour;
            if (behaviour != null)
            {
                Call(behaviour, "Awake");
                UpdateActivity(behaviour);
            }
        }

        internal static void UpdateActivity(Behaviour component)
        {
            var behaviour = component as MonoBehaviour;
            if (behaviour != null && behaviour.IsRunning != behaviour.WasEnabled)
            {
                behaviour.WasEnabled = behaviour.IsRunning;
                Call(behaviour, behaviour.WasEnabled ? "OnEnable" : "OnDisable");
            }
        }

        internal static void Call(MonoBehaviour behaviour, string message)
        {
            MethodInfo method = behaviour.GetType().GetMethod(
                message, BindingFlags.Instance | BindingFlags.NonPublic | BindingFlags.Public, null, Type.EmptyTypes, null);
            if (method == null)
            {
                return;
            }

            try
            {
                method.Invoke(behaviour, null);
            }
            catch (TargetInvocationException error)
            {
                Debug.LogError(error.InnerException.ToString());
            }
        }

        static void Initialize(RuntimeInitializeLoadType when)
        {
            foreach (MethodInfo method in loaded.SelectMany(a => a.GetTypes()).SelectMany(StaticMethods))
            {
                var attribute = method.GetCustomAttribute<RuntimeInitializeOnLoadMethodAttribute>();
                if (attribute != null && attribute.LoadType == when)
                {
                    method.Invoke(null, null);
                }
            }
        }

        static void DestroyDoomed()
        {
            foreach (Object item in Doomed.ToArray())
            {
                if (!item.IsDestroyed)
                {
                    item.DestroyNow();
                }
            }

            Doomed.Clear();
        }

        static IEnumerable<MonoBehaviour> Behaviours()
        {
            return SceneManager.Active.Roots.Concat(SceneManager.Kept.Roots)
                .SelectMany(root => root.All<MonoBehaviour>()).OrderBy(OrderOf);
        }

        static int OrderOf(MonoBehaviour behaviour)
        {
            var order = behaviour.GetType().GetCustomAttribute<DefaultExecutionOrder>();
            return order == null ? 0 : order.Order;
        }

        static IEnumerable<MethodInfo> StaticMethods(Type type)
        {
            return type.ContainsGenericParameters
                ? new MethodInfo[0]
                : type.GetMethods(BindingFlags.Static | BindingFlags.NonPublic | BindingFlags.Public);
        }
    }

    public static class Time
    {
        public static int frameCount { get; internal set; }

        public static double timeAsDouble { get; internal set; }

        public static float realtimeSinceStartup { get; internal set; }
    }

    public static class Application
    {
        public static bool isPlaying { get; set; } = true;

        public static bool isEditor => true;

        public static bool runInBackground { get; set; } = true;

        public static string dataPath { get; set; } = System.IO.Path.Combine(System.IO.Path.GetTempPath(), "Assets");

        public static string persistentDataPath => dataPath;
    }

    public static class Screen
    {
        public static int width { get; set; } = 640;

        public static int height { get; set; } = 480;
    }

    public static class Debug
    {
        /// <summary>All that was logged: level and text.</summary>
        public static readonly List<string> Lines = new List<string>();

        public static void Log(object message, Object context = null) => Lines.Add("log: " + message);

        public static void LogWarning(object message, Object context = null) => Lines.Add("warning: " + message);

        public static void LogError(object message, Object context = null) => Lines.Add("error: " + message);
    }

    public static class Resources
    {
        /// <summary>Paths at which nothing is found.</summary>
        public static readonly HashSet<string> Missing = new HashSet<string>();

        public static T Load<T>(string path) where T : Object
        {
            return Missing.Contains(path) ? null : (T)(Object)new Shader { name = path };
        }
    }
}
