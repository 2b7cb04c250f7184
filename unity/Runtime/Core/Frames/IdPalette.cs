namespace UnityDepthPerception
{
    /// <summary>
    /// One colour for each id, far apart for neighbouring ids, and back: the bits of the id are dealt out to red, green
    /// and blue from the highest bit down (the colour map of PASCAL VOC). 0 is black; all ids below 2^24 differ.
    /// </summary>
    public static class IdPalette
    {
        /// <summary>The colour of an id.</summary>
        public static void ToColor(int id, out byte red, out byte green, out byte blue)
        {
            int r = 0, g = 0, b = 0;
            for (int bit = 7; bit >= 0; bit--)
            {
                r |= (id & 1) << bit;
                g |= ((id >> 1) & 1) << bit;
                b |= ((id >> 2) & 1) << bit;
                id >>= 3;
            }

            red = (byte)r;
            green = (byte)g;
            blue = (byte)b;
        }

        /// <summary>The id of a colour.</summary>
        public static int ToId(byte red, byte green, byte blue)
        {
            int id = 0;
            for (int bit = 0; bit < 8; bit++)
            {
                id = (id << 3) | ((red >> bit) & 1) | (((green >> bit) & 1) << 1) | (((blue >> bit) & 1) << 2);
            }

            return id;
        }
    }
}
