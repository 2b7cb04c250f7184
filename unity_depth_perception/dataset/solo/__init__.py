"""SOLO datasets of com.unity.perception."""
