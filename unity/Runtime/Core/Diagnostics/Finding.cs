namespace UnityDepthPerception
{
    /// <summary>One sentence about a camera or a connection: what was found, and what to do about it.</summary>
    public readonly struct Finding
    {
        /// <summary>What it means.</summary>
        public readonly Severity Severity;

        /// <summary>The sentence.</summary>
        public readonly string Text;

        /// <summary>Makes a finding.</summary>
        public Finding(Severity severity, string text)
        {
            Severity = severity;
            Text = text;
        }

        /// <inheritdoc/>
        public override string ToString() => Severity + ": " + Text;
    }
}
