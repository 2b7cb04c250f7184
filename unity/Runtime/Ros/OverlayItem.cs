using System.Globalization;
using RosMessageTypes.UnityDepthPerception;
using UnityEngine;

namespace UnityDepthPerception.Ros
{
    /// <summary>One object of the overlay; made once for each message, not for each repaint.</summary>
    readonly struct OverlayItem
    {
        /// <summary>First column of its box.</summary>
        public readonly double Left;

        /// <summary>First row.</summary>
        public readonly double Top;

        /// <summary>One beyond the last column.</summary>
        public readonly double Right;

        /// <summary>One beyond the last row.</summary>
        public readonly double Bottom;

        /// <summary>Colour of its id.</summary>
        public readonly Color Color;

        /// <summary>Id, category, distance and parent.</summary>
        public readonly string Text;

        OverlayItem(ObjectDistanceMsg item, Color color, string text)
        {
            Left = item.bbox.x_offset;
            Top = item.bbox.y_offset;
            Right = Left + item.bbox.width;
            Bottom = Top + item.bbox.height;
            Color = color;
            Text = text;
        }

        /// <summary>The item of a message.</summary>
        public static OverlayItem Of(ObjectDistanceMsg item)
        {
            IdPalette.ToColor(item.id + 1, out byte red, out byte green, out byte blue);
            float median = item.distance.median;
            string text = string.Format(
                CultureInfo.InvariantCulture,
                "#{0} {1}  {2}{3}",
                item.id,
                item.category,
                float.IsNaN(median) ? "?" : median.ToString("0.00' m'", CultureInfo.InvariantCulture),
                item.parent_id >= 0 ? "  on #" + item.parent_id : "");
            return new OverlayItem(item, Color.Lerp(new Color32(red, green, blue, 255), Color.white, 0.35f), text);
        }
    }
}
