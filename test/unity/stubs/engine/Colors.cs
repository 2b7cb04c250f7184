using System;

namespace UnityEngine
{
    public struct Color
    {
        public float r;
        public float g;
        public float b;
        public float a;

        public Color(float r, float g, float b, float a = 1)
        {
            this.r = r;
            this.g = g;
            this.b = b;
            this.a = a;
        }

        public static Color clear => new Color(0, 0, 0, 0);

        public static Color black => new Color(0, 0, 0);

        public static Color white => new Color(1, 1, 1);

        public static Color red => new Color(1, 0, 0);

        public static Color green => new Color(0, 1, 0);

        public static Color HSVToRGB(float h, float s, float v)
        {
            return new Color(Channel(5, h, s, v), Channel(3, h, s, v), Channel(1, h, s, v));
        }

        public static Color Lerp(Color a, Color b, float t)
        {
            return new Color(a.r + t * (b.r - a.r), a.g + t * (b.g - a.g), a.b + t * (b.b - a.b));
        }

        static float Channel(float n, float h, float s, float v)
        {
            float k = (n + 6 * h) % 6;
            return v - v * s * Math.Max(0, Math.Min(Math.Min(k, 4 - k), 1));
        }
    }

    public struct Color32
    {
        public byte r;
        public byte g;
        public byte b;
        public byte a;

        public Color32(byte r, byte g, byte b, byte a)
        {
            this.r = r;
            this.g = g;
            this.b = b;
            this.a = a;
        }

        public static implicit operator Color(Color32 c) => new Color(c.r / 255f, c.g / 255f, c.b / 255f, c.a / 255f);
    }

    public struct Rect
    {
        public Rect(float x, float y, float width, float height)
        {
            this.x = x;
            this.y = y;
            this.width = width;
            this.height = height;
        }

        public float x;
        public float y;
        public float width;
        public float height;

        public static bool operator ==(Rect a, Rect b)
        {
            return a.x == b.x && a.y == b.y && a.width == b.width && a.height == b.height;
        }

        public static bool operator !=(Rect a, Rect b) => !(a == b);

        public override bool Equals(object other) => other is Rect && this == (Rect)other;

        public override int GetHashCode() => 0;
    }
}
