using System;
using System.Globalization;
using System.Linq;

/// <summary>Answers, independent of culture: a name, then values.</summary>
static class Say
{
    public static void Values(string name, params object[] values)
    {
        string text = string.Join(
            " ", values.Select(v => Convert.ToString(v, CultureInfo.InvariantCulture)).ToArray());
        Console.Out.WriteLine(name + " " + text);
    }
}
