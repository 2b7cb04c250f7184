// Stand-ins for UnityEditor, written from its public documentation, to compile against; they do nothing.
using System;
using System.Collections.Generic;
using UnityEngine;
using UnityEngine.SceneManagement;

namespace UnityEditor
{
    public enum MessageType
    {
        None,
        Info,
        Warning,
        Error
    }

    public enum BuildTargetGroup
    {
        Standalone = 1
    }

    [AttributeUsage(AttributeTargets.Method)]
    public sealed class MenuItem : Attribute
    {
        public MenuItem(string itemName, bool isValidateFunction = false, int priority = 0)
        {
        }
    }

    [AttributeUsage(AttributeTargets.Method)]
    public sealed class InitializeOnLoadMethodAttribute : Attribute
    {
    }

    public class EditorWindow : UnityEngine.Object
    {
        public static T GetWindow<T>(string title) where T : EditorWindow, new() => new T();

        public void Repaint()
        {
        }
    }

    public static class EditorGUILayout
    {
        public static Vector2 BeginScrollView(Vector2 scroll) => scroll;

        public static void EndScrollView()
        {
        }

        public static Rect GetControlRect() => default(Rect);

        public static void Space()
        {
        }

        public static void HelpBox(string message, MessageType type)
        {
        }

        public static void LabelField(string label, string value)
        {
        }

        public static UnityEngine.Object ObjectField(
            string label, UnityEngine.Object value, Type type, bool allowSceneObjects)
        {
            return value;
        }
    }

    public static class EditorGUI
    {
        public static void ProgressBar(Rect position, float value, string text)
        {
        }

        public sealed class DisabledScope : IDisposable
        {
            public DisabledScope(bool disabled)
            {
            }

            public void Dispose()
            {
            }
        }
    }

    public static class EditorApplication
    {
        public static bool isPlaying => false;

        public static double timeSinceStartup => 0;
    }

    public static class EditorUtility
    {
        public static string SaveFilePanel(string title, string directory, string name, string extension) => "";
    }

    public static class EditorUserBuildSettings
    {
        public static BuildTargetGroup selectedBuildTargetGroup => BuildTargetGroup.Standalone;
    }

    public static class PlayerSettings
    {
        public static bool runInBackground { get; set; }

        public static string GetScriptingDefineSymbols(Build.NamedBuildTarget target) => "ROS2";

        public static void SetScriptingDefineSymbols(Build.NamedBuildTarget target, string defines)
        {
        }
    }

    public static class Selection
    {
        public static GameObject[] gameObjects => new GameObject[0];
    }

    public static class Undo
    {
        public static T AddComponent<T>(GameObject target) where T : Component, new() => target.AddComponent<T>();
    }
}

namespace UnityEditor.Build
{
    public struct NamedBuildTarget
    {
        public static NamedBuildTarget FromBuildTargetGroup(BuildTargetGroup group) => default(NamedBuildTarget);
    }
}

namespace UnityEditor.PackageManager
{
    public static class Client
    {
        public static object Add(string identifier) => null;
    }
}

namespace UnityEditor.SceneManagement
{
    public static class EditorSceneManager
    {
        public static bool MarkSceneDirty(Scene scene) => true;
    }
}

namespace UnityEngine
{
    public static class GUILayout
    {
        public static bool Button(string text) => false;
    }
}
