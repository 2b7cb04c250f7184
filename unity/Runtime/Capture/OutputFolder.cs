using System.IO;
using UnityEngine;

namespace UnityDepthPerception
{
    /// <summary>Where relative paths begin: in the project's folder; in a build, in the persistent data path.</summary>
    static class OutputFolder
    {
        /// <summary>The absolute form of a path; call it on the main thread.</summary>
        public static string Resolve(string path)
        {
            string folder = Application.isEditor
                ? Path.GetDirectoryName(Application.dataPath)
                : Application.persistentDataPath;
            return Path.GetFullPath(Path.Combine(folder, path));
        }
    }
}
