namespace UnityDepthPerception
{
    /// <summary>Order statistics without sorting.</summary>
    static class Medians
    {
        /// <summary>
        /// Median of the first values, the lower of the two middle ones of an even number; NaN of none. The values
        /// change their order (Hoare 1961).
        /// </summary>
        public static double Lower(float[] values, int count)
        {
            if (count == 0)
            {
                return double.NaN;
            }

            int wanted = (count - 1) / 2, low = 0, high = count - 1;
            while (low < high)
            {
                float pivot = values[low + (high - low) / 2];
                int left = low, right = high;
                while (left <= right)
                {
                    while (values[left] < pivot)
                    {
                        left++;
                    }

                    while (values[right] > pivot)
                    {
                        right--;
                    }

                    if (left <= right)
                    {
                        float kept = values[left];
                        values[left++] = values[right];
                        values[right--] = kept;
                    }
                }

                high = wanted <= right ? right : high;
                low = wanted >= left ? left : low;
                if (wanted > right && wanted < left)
                {
                    break;
                }
            }

            return values[wanted];
        }

        /// <summary>Least (sign -1) or greatest (sign 1) of the first values; NaN of none.</summary>
        public static double Extreme(float[] values, int count, int sign)
        {
            float extreme = count > 0 ? values[0] : float.NaN;
            for (int k = 1; k < count; k++)
            {
                extreme = sign * values[k] > sign * extreme ? values[k] : extreme;
            }

            return extreme;
        }
    }
}
