using System.IO;
using System.Text;

namespace UnityDepthPerception
{
    /// <summary>Writes files whole or not at all, so that a program that is stopped leaves none half written.</summary>
    public static class AtomicFile
    {
        static readonly UTF8Encoding Utf8WithoutMark = new UTF8Encoding(false);

        /// <summary>Writes text as UTF-8 without byte order mark.</summary>
        public static void WriteText(string path, string text) => WriteBytes(path, Utf8WithoutMark.GetBytes(text));

        /// <summary>Writes bytes.</summary>
        public static void WriteBytes(string path, byte[] content)
        {
            string draft = path + ".partial";
            File.WriteAllBytes(draft, content);
            if (File.Exists(path))
            {
                File.Replace(draft, path, null);
            }
            else
            {
                File.Move(draft, path);
            }
        }
    }
}
