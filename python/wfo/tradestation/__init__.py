"""What goes to TradeStation: ranges for its optimizer."""
