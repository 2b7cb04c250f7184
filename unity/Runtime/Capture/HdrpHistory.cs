using System.Reflection;
using UnityEngine;

namespace UnityDepthPerception
{
    /// <summary>
    /// Keeps the history of an HDRP camera between renders. HDRP frees the history of a disabled camera after each
    /// frame, so that automatic exposure starts anew with every image. Found by name, as HDRP need not be installed.
    /// </summary>
    static class HdrpHistory
    {
        const string ComponentName = "HDAdditionalCameraData";
        const string MemberName = "hasPersistentHistory";

        /// <summary>Sets it on a camera of HDRP; does nothing in other pipelines.</summary>
        public static void Keep(Camera camera)
        {
            Component data = camera.GetComponent(ComponentName);
            if (data == null)
            {
                return;
            }

            FieldInfo field = data.GetType().GetField(MemberName);
            PropertyInfo property = data.GetType().GetProperty(MemberName);
            if (field != null)
            {
                field.SetValue(data, true);
            }
            else if (property != null && property.CanWrite)
            {
                property.SetValue(data, true, null);
            }
        }
    }
}
