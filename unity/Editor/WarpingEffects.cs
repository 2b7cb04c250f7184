using System;
using System.Collections.Generic;
using System.Reflection;

namespace UnityDepthPerception.EditorTools
{
    /// <summary>
    /// Post effects of URP and HDRP that bend the image and are on. Looked up by name, as neither pipeline need be
    /// installed; what is not found counts as off, and "Test this camera" measures it anyway.
    /// </summary>
    static class WarpingEffects
    {
        static readonly string[] TypeNames =
        {
            "UnityEngine.Rendering.Universal.LensDistortion, Unity.RenderPipelines.Universal.Runtime",
            "UnityEngine.Rendering.Universal.PaniniProjection, Unity.RenderPipelines.Universal.Runtime",
            "UnityEngine.Rendering.HighDefinition.LensDistortion, Unity.RenderPipelines.HighDefinition.Runtime",
            "UnityEngine.Rendering.HighDefinition.PaniniProjection, Unity.RenderPipelines.HighDefinition.Runtime"
        };

        /// <summary>Their names, or null.</summary>
        public static string Active()
        {
            Type manager = Type.GetType("UnityEngine.Rendering.VolumeManager, Unity.RenderPipelines.Core.Runtime");
            object instance = ValueOf(manager, "instance", null);
            object stack = instance != null ? ValueOf(manager, "stack", instance) : null;
            if (stack == null)
            {
                return null;
            }

            var active = new List<string>();
            MethodInfo getComponent = stack.GetType().GetMethod("GetComponent", new[] { typeof(Type) });
            foreach (string name in TypeNames)
            {
                Type type = Type.GetType(name);
                object effect = type != null && getComponent != null
                    ? getComponent.Invoke(stack, new object[] { type })
                    : null;
                MethodInfo isActive = effect != null ? type.GetMethod("IsActive", Type.EmptyTypes) : null;
                if (isActive != null && true.Equals(isActive.Invoke(effect, null)))
                {
                    active.Add(type.Name);
                }
            }

            return active.Count > 0 ? string.Join(", ", active.ToArray()) : null;
        }

        static object ValueOf(Type type, string property, object owner)
        {
            PropertyInfo found = type != null ? type.GetProperty(property) : null;
            return found != null ? found.GetValue(owner, null) : null;
        }
    }
}
