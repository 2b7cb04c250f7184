using System.Collections.Generic;

namespace UnityEngine
{
    public enum EventType
    {
        Layout = 8,
        Repaint = 7
    }

    public enum FontStyle
    {
        Normal,
        Bold
    }

    public sealed class Event
    {
        public static Event current { get; set; } = new Event();

        public EventType type { get; set; } = EventType.Repaint;
    }

    public sealed class GUIStyle
    {
        public GUIStyle()
        {
        }

        public GUIStyle(GUIStyle other)
        {
        }

        public int fontSize { get; set; }

        public FontStyle fontStyle { get; set; }
    }

    public sealed class GUISkin
    {
        public GUIStyle label { get; } = new GUIStyle();
    }

    public static class GUI
    {
        /// <summary>What was drawn in this frame.</summary>
        public static readonly List<string> Drawn = new List<string>();

        public static Color color { get; set; }

        public static GUISkin skin { get; } = new GUISkin();

        public static void DrawTexture(Rect position, Texture image)
        {
            Note("bar", position);
        }

        public static void DrawTexture(Rect position, Texture image, ScaleMode scaleMode, bool alphaBlend)
        {
            Note("image", position);
        }

        public static void Label(Rect position, string text, GUIStyle style)
        {
            Note("text " + text, position);
        }

        static void Note(string what, Rect r)
        {
            Drawn.Add(string.Format(
                System.Globalization.CultureInfo.InvariantCulture,
                "{0} at {1:0.#} {2:0.#} {3:0.#} {4:0.#}", what, r.x, r.y, r.width, r.height));
        }
    }
}
