using System;
using System.Collections.Generic;
using System.Linq;
using System.Reflection;
using UnityEditor;
using UnityEditor.Build;

namespace UnityDepthPerception.EditorTools
{
    /// <summary>Checks of the project settings, in sentences.</summary>
    static class ProjectChecks
    {
        const string Ros2 = "ROS2";
        const string OwnMessage = "RosMessageTypes.UnityDepthPerception.ObjectDistanceArrayMsg";

        /// <summary>Whether ROS-TCP-Connector is installed.</summary>
        public static bool HasConnector()
        {
#if UNITY_DEPTH_PERCEPTION_ROS
            return true;
#else
            return false;
#endif
        }

        /// <summary>Whether the connector is compiled for ROS 2 on the platform that is built for.</summary>
        public static bool HasRos2() => Defines().Contains(Ros2);

        /// <summary>Compiles the connector for ROS 2.</summary>
        public static void SetRos2()
        {
            List<string> defines = Defines();
            defines.Add(Ros2);
            PlayerSettings.SetScriptingDefineSymbols(Target(), string.Join(";", defines.ToArray()));
        }

        /// <summary>Adds a finding for everything that is wrong.</summary>
        public static void Examine(ICollection<Finding> findings)
        {
            if (!HasConnector())
            {
                findings.Add(new Finding(
                    Severity.Problem, "ROS-TCP-Connector is not installed: without it nothing is published."));
            }
            else if (!HasRos2())
            {
                findings.Add(new Finding(
                    Severity.Problem,
                    "ROS-TCP-Connector speaks ROS 1 on this platform: set Robotics > ROS Settings > Protocol to ROS2. "
                    + "It is kept for each platform, so it is lost when you switch."));
            }

            if (!PlayerSettings.runInBackground)
            {
                findings.Add(new Finding(
                    Severity.Problem,
                    "Run In Background is off (Player Settings > Resolution and Presentation): nothing is sent while "
                    + "another window has the focus."));
            }

            string[] assemblies = AppDomain.CurrentDomain.GetAssemblies()
                .Where(DefinesOwnMessage).Select(assembly => assembly.GetName().Name).ToArray();
            if (assemblies.Length > 1)
            {
                findings.Add(new Finding(
                    Severity.Problem,
                    "The messages of unity_depth_perception are there more than once (" + string.Join(", ", assemblies)
                    + "): this package brings them, so delete those generated into Assets/RosMessages."));
            }
        }

        static bool DefinesOwnMessage(Assembly assembly) => assembly.GetType(OwnMessage, false) != null;

        static List<string> Defines()
        {
            return PlayerSettings.GetScriptingDefineSymbols(Target())
                .Split(new[] { ';' }, StringSplitOptions.RemoveEmptyEntries).ToList();
        }

        static NamedBuildTarget Target()
        {
            return NamedBuildTarget.FromBuildTargetGroup(EditorUserBuildSettings.selectedBuildTargetGroup);
        }
    }
}
