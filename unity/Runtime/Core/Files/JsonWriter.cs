using System.Globalization;
using System.Text;

namespace UnityDepthPerception
{
    /// <summary>
    /// Writes JSON that is the same in every culture: a point in numbers, no byte order mark, null for what is not
    /// finite.
    /// </summary>
    public sealed class JsonWriter
    {
        readonly StringBuilder _text = new StringBuilder();
        bool _needsComma;

        /// <summary>Begins an object.</summary>
        public JsonWriter BeginObject() => Open('{');

        /// <summary>Ends an object.</summary>
        public JsonWriter EndObject() => Close('}');

        /// <summary>Begins an array.</summary>
        public JsonWriter BeginArray() => Open('[');

        /// <summary>Ends an array.</summary>
        public JsonWriter EndArray() => Close(']');

        /// <summary>The name of the value that follows.</summary>
        public JsonWriter Name(string name)
        {
            Separate();
            AppendString(name);
            _text.Append(": ");
            _needsComma = false;
            return this;
        }

        /// <summary>A number in the shortest form that reads back as the same; null for NaN and infinities.</summary>
        public JsonWriter Value(double number)
        {
            bool isFinite = !double.IsNaN(number) && !double.IsInfinity(number);
            return Raw(isFinite ? number.ToString("R", CultureInfo.InvariantCulture) : "null");
        }

        /// <summary>A whole number.</summary>
        public JsonWriter Value(long number) => Raw(number.ToString(CultureInfo.InvariantCulture));

        /// <summary>A text; null for null.</summary>
        public JsonWriter Value(string text)
        {
            if (text == null)
            {
                return Raw("null");
            }

            Separate();
            AppendString(text);
            _needsComma = true;
            return this;
        }

        /// <summary>Text that is JSON already.</summary>
        public JsonWriter Raw(string json)
        {
            Separate();
            _text.Append(json);
            _needsComma = true;
            return this;
        }

        /// <summary>What has been written.</summary>
        public override string ToString() => _text.ToString();

        JsonWriter Open(char bracket)
        {
            Separate();
            _text.Append(bracket);
            _needsComma = false;
            return this;
        }

        JsonWriter Close(char bracket)
        {
            _text.Append(bracket);
            _needsComma = true;
            return this;
        }

        void Separate()
        {
            if (_needsComma)
            {
                _text.Append(", ");
            }
        }

        void AppendString(string text)
        {
            _text.Append('"');
            for (int k = 0; k < text.Length; k++)
            {
                char c = text[k];
                if (c == '"' || c == '\\')
                {
                    _text.Append('\\').Append(c);
                }
                else if (c < ' ' || char.IsSurrogate(c))
                {
                    _text.Append("\\u").Append(((int)c).ToString("x4", CultureInfo.InvariantCulture));
                }
                else
                {
                    _text.Append(c);
                }
            }

            _text.Append('"');
        }
    }
}
